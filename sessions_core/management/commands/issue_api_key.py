"""``manage.py issue_api_key WORKSPACE``: create an API key and print it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sessions_core.management.lengths import check_length
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import ApiKey


class Command(BaseCommand):
    help = "Issues a secret or publishable API key. A secret key is printed once and not stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        parser.add_argument("--name", required=True, help="where the key will be used")
        parser.add_argument("--publishable", action="store_true", help="a key for browsers, public by design")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        name = check_length(options["name"], ApiKey, "name", what="--name")
        if options["publishable"]:
            key = ApiKey.objects.issue_publishable(workspace, name=name, actor="command:issue_api_key")
            self.stdout.write(key.publishable_key)
        else:
            self.stdout.write(ApiKey.objects.issue(workspace, name=name, actor="command:issue_api_key")[1])
