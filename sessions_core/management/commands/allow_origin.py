"""``manage.py allow_origin WORKSPACE ORIGIN``: let pages of this origin call the workspace."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.workspaces import workspace_named
from sessions_core.models import AllowedOrigin


class Command(BaseCommand):
    help = (
        "Allows web pages of an origin, such as https://app.example.com, to call a workspace. Prints all its origins."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        parser.add_argument(
            "origin", help="scheme and host, and the port unless it is the default, as browsers send it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        allowed = AllowedOrigin(workspace=workspace_named(options["workspace"]), origin=options["origin"])
        try:
            allowed.clean_fields()
        except ValidationError as reason:
            raise CommandError(f"{options['origin']!r} is not a valid origin. {' '.join(reason.messages)}") from None
        AllowedOrigin.objects.get_or_create(workspace=allowed.workspace, origin=allowed.origin)
        listed = allowed.workspace.allowed_origins.values_list("origin", flat=True)
        self.stdout.write("\n".join(listed))
