"""``manage.py check_download FILE``: check that a file downloaded from the console was not changed."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.crypto.file_signatures import is_signed_by_us


class Command(BaseCommand):
    help = "Checks the signature of a file that was downloaded from the console. Needs the TOKEN_KEYS of the server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file, as CSV or JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"Cannot read the file: {error.strerror}.") from error
        if not is_signed_by_us(content):
            raise CommandError("The file was changed, is incomplete, or is not a download of this server.")
        self.stdout.write("The file is complete and unchanged.")
