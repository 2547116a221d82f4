"""``manage.py deliver_webhooks``: send webhooks that are due, until SIGTERM."""

import logging
import signal
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections

from sessions_core.db.transactions import is_away
from sessions_core.management.databases import ready_database
from sessions_core.webhooks.delivery import PAUSE, Worker

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Delivers webhooks until SIGTERM. Several processes may run, on any machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="deliver the messages that are due now, then exit")

    def handle(self, *args: Any, **options: Any) -> None:
        worker = Worker()
        if options["once"]:
            with ready_database():
                return worker.run(once=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, worker.stop)
        while not worker.is_stopping:
            try:
                worker.run()
            except Error as reason:
                if not is_away(reason):
                    raise
                logger.warning("The database is unavailable or busy: %s", reason)
                close_old_connections()
                time.sleep(PAUSE)
