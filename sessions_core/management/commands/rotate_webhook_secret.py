"""``manage.py rotate_webhook_secret ID``: a new secret for a webhook endpoint, shown this once."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.databases import ready_database
from sessions_core.models import WebhookEndpoint


class Command(BaseCommand):
    help = "Gives a webhook endpoint a new secret and prints it this once. For a day both secrets sign."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("endpoint", type=UUID, help="the id of the endpoint")

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            endpoint = WebhookEndpoint.objects.filter(pk=options["endpoint"]).first()
        if endpoint is None:
            raise CommandError("There is no such webhook endpoint.")
        self.stdout.write(endpoint.rotate(actor="command:rotate_webhook_secret"))
