"""``manage.py rotate_webhook_secret ID``: replace the secret of a webhook endpoint and print the new one once."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.databases import ready_database
from sessions_core.models import WebhookEndpoint


class Command(BaseCommand):
    help = "Replaces the signing secret of a webhook endpoint and prints it once. Both secrets sign for 24 hours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("endpoint", type=UUID, help="the id of the endpoint")

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            endpoint = WebhookEndpoint.objects.filter(pk=options["endpoint"]).first()
        if endpoint is None:
            raise CommandError("Webhook endpoint not found.")
        self.stdout.write(endpoint.rotate(actor="command:rotate_webhook_secret"))
