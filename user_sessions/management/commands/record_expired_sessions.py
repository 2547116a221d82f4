"""``manage.py record_expired_sessions``: record the end of user sessions that have expired."""

from typing import Any

from django.core.management.base import BaseCommand

from sessions_core.management.databases import ready_database
from sessions_core.management.progress import Progress
from user_sessions.models import UserSession
from user_sessions.models.closing import record_expired


class Command(BaseCommand):
    help = (
        "Records an event for each user session that has expired since the last run, and sends the signal "
        "session_ended. Run it every minute, or as often as you want to know. It can be stopped, repeated and run "
        "twice at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            progress = Progress(self.stderr, "expired sessions recorded so far")
            recorded = record_expired(UserSession.objects.all(), seen=progress.show)
        self.stdout.write(f"{recorded} expired sessions recorded.")
