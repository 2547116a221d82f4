"""``manage.py erase_user USER``: erase everything that is stored about a user."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.people import add_person, person_in
from sessions_core.personal_data import erase_user

BY = "command:erase_user"


class Command(BaseCommand):
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
            _confirm(f"Erase everything about user_{key}? It cannot be undone. Type yes to go on: ")
        try:
            erased = erase_user(key, actor=BY, **of_client_sessions)
        except ValueError as problem:
            raise CommandError(f"{problem} Add --workspace. Nothing was erased.") from None
        if options["json"]:
            self.stdout.write(json.dumps(erased))
            return
        for kind, rows in erased.items():
            self.stdout.write(f"{kind}\t{rows}")
        if not erased:
            self.stderr.write("There was nothing to erase.")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("erase_user asks before it erases, and there is no terminal. Add --no-input.")
    if input(question).strip().lower() != "yes":
        raise CommandError("Nothing was erased.")
