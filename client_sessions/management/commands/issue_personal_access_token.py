"""``manage.py issue_personal_access_token USER --workspace W``: create a personal access token and print it once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from client_sessions.models import PersonalAccessToken
from sessions_core.management.users import user_named
from sessions_core.management.workspaces import workspace_named


class Command(BaseCommand):
    help = "Issues a personal access token of a user for one or more workspaces. Prints it once and does not store it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the id of a user, such as user_7, or a user name")
        parser.add_argument(
            "--workspace", action="append", required=True, help="the id or unique name of a workspace; repeatable"
        )
        parser.add_argument("--name", required=True, help="where the token will be used")

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_named(options["user"])
        workspaces = [workspace_named(text) for text in options["workspace"]]
        actor = "command:issue_personal_access_token"
        self.stdout.write(PersonalAccessToken.objects.issue(user, workspaces, name=options["name"], actor=actor)[1])
