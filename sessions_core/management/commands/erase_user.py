"""``manage.py erase_user USER``: erase everything that is stored about a user."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from sessions_core.management.confirmation import confirm
from sessions_core.management.people import add_person, person_in
from sessions_core.management.quiet import QuietCommand
from sessions_core.management.reports import Report
from sessions_core.personal_data import SeveralWorkspaces, erase_user

BY = "command:erase_user"
NOTHING = "Nothing was erased."


class Command(QuietCommand):
    help = (
        "Erases everything that export_user prints, and revokes live sessions first. Events stay, with a pseudonym in "
        "place of the user. It changes everything or nothing, and can be repeated. The row of the user stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_person(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--no-input", "--yes", dest="ask", action="store_false", help="do not ask, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        key, of_client_sessions = person_in(options)
        if options["ask"]:
            question = f"Erase everything about user_{key}? It cannot be undone. Type yes to go on: "
            confirm(question, asking="erase_user asks before it erases", otherwise=NOTHING)
        try:
            erased = erase_user(key, actor=BY, **of_client_sessions)
        except SeveralWorkspaces as problem:
            raise CommandError(f"{problem} Add --workspace. {NOTHING}") from None
        except ValueError as problem:
            raise CommandError(f"{problem} {NOTHING}") from None
        Report(self, as_json=options["json"]).facts(erased)
        if not erased:
            self.stderr.write("There was nothing to erase.")
