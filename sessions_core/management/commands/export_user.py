"""``manage.py export_user USER``: print everything that is stored about a user."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from sessions_core.management.people import add_person, person_in
from sessions_core.management.quiet import QuietCommand
from sessions_core.management.reports import Report
from sessions_core.personal_data import SeveralWorkspaces, export_user


class Command(QuietCommand):
    help = "Prints everything that is stored about a user, as one JSON object without tokens and digests."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_person(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        key, of_client_sessions = person_in(options)
        try:
            found = export_user(key, **of_client_sessions)
        except SeveralWorkspaces as problem:
            raise CommandError(f"{problem} Add --workspace.") from None
        except ValueError as problem:
            raise CommandError(str(problem)) from None
        Report(self, as_json=True).facts(found)
