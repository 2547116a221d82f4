"""``manage.py replay_webhook ID``: send a message again, whatever became of it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.models import WebhookMessage


class Command(BaseCommand):
    help = "Makes a webhook message due now, under its id and with all its retries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("message", help="its id, msg_…")

    def handle(self, *args: Any, **options: Any) -> None:
        message = WebhookMessage.objects.filter(pk=options["message"]).first()
        if message is None:
            raise CommandError("There is no such message.")
        message.send_again(by="command:replay_webhook")
