"""``manage.py token_keys``: list which of the TOKEN_KEYS are in use, and by how many rows."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from sessions_core.crypto.token_keys import needed_keys
from sessions_core.crypto.tokens import token_key_ids
from sessions_core.labels import english_plural
from sessions_core.management.databases import ready_database


class Command(BaseCommand):
    help = "Lists the TOKEN_KEYS, newest first, with the number of live rows whose current token uses each key."

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            needed = list(needed_keys(at=timezone.now()))
        for position, key_id in enumerate(token_key_ids(), start=1):
            counts = [f"{counted[key_id]} {english_plural(model)}" for model, counted in needed]
            newest = "  (newest: keep it)" if position == 1 else ""
            self.stdout.write(f"{position}. {key_id}  {', '.join(counts)}{newest}")
