"""``manage.py replay_webhook ID``: send a message again, whatever became of it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.databases import ready_database
from sessions_core.models import WebhookMessage


class Command(BaseCommand):
    help = "Makes a webhook message due now, under its id and with all its retries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("message", help="its id, msg_…")

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            message = WebhookMessage.objects.select_related("endpoint").filter(pk=options["message"]).first()
        if message is None:
            raise CommandError("There is no such message.")
        happened = message.send_again(actor="command:replay_webhook")
        self.stdout.write(f"It will be sent again to {message.endpoint}." if happened else "It is due already.")
        if message.endpoint.disabled_at:
            self.stdout.write("Its endpoint is disabled; it waits until that is enabled in the console.")
