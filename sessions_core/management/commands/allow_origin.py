"""``manage.py allow_origin WORKSPACE ORIGIN``: let the pages of an origin read the workspace's answers."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.workspaces import workspace_named
from sessions_core.models import AllowedOrigin


class Command(BaseCommand):
    help = "Lists an origin, such as https://app.example.com, among those that browsers may call a workspace from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        parser.add_argument("origin", help="as a browser writes it: scheme and host, and the port if it is unusual")

    def handle(self, *args: Any, **options: Any) -> None:
        allowed = AllowedOrigin(workspace=workspace_named(options["workspace"]), origin=options["origin"])
        try:
            allowed.clean_fields()
        except ValidationError as reason:
            raise CommandError(f"{options['origin']!r} is no origin. {' '.join(reason.messages)}") from None
        AllowedOrigin.objects.get_or_create(workspace=allowed.workspace, origin=allowed.origin)
        listed = allowed.workspace.allowed_origins.values_list("origin", flat=True)
        self.stdout.write("\n".join(listed))
