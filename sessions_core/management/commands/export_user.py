"""``manage.py export_user USER``: print everything that is stored about a user."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.people import add_person, person_in
from sessions_core.personal_data import export_user


class Command(BaseCommand):
    help = "Prints everything that is stored about a user, as one JSON object without tokens and digests."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_person(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        key, of_client_sessions = person_in(options)
        try:
            found = export_user(key, **of_client_sessions)
        except ValueError as problem:
            raise CommandError(f"{problem} Add --workspace.") from None
        try:
            self.stdout.write(json.dumps(found, indent=2))
            self.stdout.flush()
        except BrokenPipeError:  # the reader, such as head, has what it wanted
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that Python can flush when it exits
