"""``manage.py forget_clients``: delete clients on which no user ever signed in."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from sessions_core.management.databases import ready_database
from sessions_core.management.progress import Progress
from user_sessions.models import Client


class Command(BaseCommand):
    help = (
        "Deletes clients that have no session and no sign-in attempt for a day. Run it daily. It can be "
        "stopped and repeated."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            progress = Progress(self.stderr, "clients forgotten so far")
            forgotten = Client.objects.forget_unused(at=timezone.now(), seen=progress.show)
        self.stdout.write(f"{forgotten} clients forgotten.")
