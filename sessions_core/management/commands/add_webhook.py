"""``manage.py add_webhook WORKSPACE URL``: add a webhook endpoint and print its secret once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.lengths import check_length
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import WebhookEndpoint
from sessions_core.webhooks.addresses import NotAllowed


class Command(BaseCommand):
    help = "Adds a webhook endpoint to a workspace. Prints its signing secret, which is not shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        parser.add_argument("url", help="https://…; a sandbox also takes http:// on this machine")
        parser.add_argument("--description", default="", help="a note for operators, such as the owner of the endpoint")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        url = check_length(options["url"], WebhookEndpoint, "url", what="A URL")
        description = check_length(options["description"], WebhookEndpoint, "description", what="--description")
        try:
            endpoint, secret = WebhookEndpoint.objects.add(
                workspace, url, description=description, actor="command:add_webhook"
            )
        except NotAllowed as reason:
            raise CommandError(f"The URL is not allowed. {reason}") from None
        self.stdout.write(f"{endpoint.pk}\n{secret}")
