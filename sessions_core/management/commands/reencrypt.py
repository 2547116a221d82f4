"""``manage.py reencrypt``: encrypt every stored secret with the newest of the ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.crypto.encryption import CannotOpen
from sessions_core.crypto.sealing import reseal, sealed_columns
from sessions_core.labels import english_plural
from sessions_core.management.databases import ready_database
from sessions_core.management.progress import Progress


class Command(BaseCommand):
    help = "Encrypts stored secrets with the newest key, so that you can remove older keys. Safe on a running server."

    def handle(self, *args: Any, **options: Any) -> None:
        for model, column in sealed_columns():
            try:
                with ready_database():
                    progress = Progress(self.stderr, f"{english_plural(model)} checked so far")
                    changed = reseal(model, column, seen=progress.show)
            except CannotOpen as error:
                raise CommandError(f"A secret in {model._meta.label} cannot be decrypted: {error}.") from None
            self.stdout.write(f"{model._meta.label}.{column}: {changed} re-encrypted")
