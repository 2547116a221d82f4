"""``manage.py forget_clients``: delete clients on which nobody is signed in, and old sign-in attempts."""

from typing import Any

from django.core.management.base import BaseCommand

from sessions_core.cleaning import clean, kind_named
from sessions_core.management.databases import ready_database
from sessions_core.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Deletes old sign-in attempts, and clients that have neither a session nor an attempt and were not used for a "
        "day, as `sessions clean` does beside other rows. It can be stopped and repeated."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            clean(kind_named("sign_ins"))
            progress = Progress(self.stderr, "clients forgotten so far")
            found = clean(kind_named("clients"), seen=progress.show)
        if found.kept:
            self.stderr.write(f"{found.kept} kept. {found.why_kept}")
        self.stdout.write(f"{found.deleted} clients forgotten.")
