"""``manage.py bootstrap WORKSPACE``: create the first workspace of a live server."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from sessions_core.management.databases import ready_database
from sessions_project.bootstrap import BootstrapResult, bootstrap


class Command(BaseCommand):
    help = (
        "Creates a live workspace at the address of GATEPASS_URL with one API key, and an operator if requested. "
        "Prints secrets once. Does not change an existing workspace or user."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the name of the workspace")
        parser.add_argument("--operator", help="the user name of a superuser to create for the admin")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            try:
                made = bootstrap(options["workspace"], operator=options["operator"])
            except ValidationError as reason:
                raise CommandError(f"Nothing was created. {' '.join(reason.messages)}") from None
        self.stdout.write(DjangoJSONEncoder(indent=2).encode(asdict(made)) if options["json"] else _as_text(made))


def _as_text(made: BootstrapResult) -> str:
    lines = [
        f"Workspace        {made.workspace_id}",
        f"Frontend API     {made.frontend_api}",
        f"Issuer           {made.issuer}",
        f"API key          {made.api_key or 'not created: the workspace exists; api_key create prints another'}",
    ]
    if made.operator:
        lines.append(f"Operator         {made.operator}, password {made.operator_password or 'unchanged'}")
    return "\n".join(lines)
