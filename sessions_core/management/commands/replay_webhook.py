"""``manage.py replay_webhook ID``: send a message again, delivered or not."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.databases import ready_database
from sessions_core.models import WebhookMessage


class Command(BaseCommand):
    help = "Sends a webhook message again, with the same id and all its retries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("message", help="the id of the message, msg_…")

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            message = WebhookMessage.objects.select_related("endpoint").filter(pk=options["message"]).first()
        if message is None:
            raise CommandError("Webhook message not found.")
        happened = message.send_again(actor="command:replay_webhook")
        self.stdout.write(f"Sending again to {message.endpoint}." if happened else "The message is already due.")
        if message.endpoint.disabled_at:
            self.stdout.write("The endpoint is disabled. The message waits until an operator enables it in the admin.")
