"""``manage.py serve``: run the checks, then start the server."""

import ipaddress
import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection, connections
from django.db.migrations.executor import MigrationExecutor

from sessions_project import secrets_file
from sessions_project.checks import is_loopback
from sessions_project.models import Deployment
from sessions_project.sandbox import IsLive, make_sandbox, refuse_live
from sessions_project.welcome import welcome, with_credentials

LAST_PORT = 65535


class Command(BaseCommand):
    help = "Starts the server. Creates no users, keys or tables, and prints no secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; default 127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        _refuse_unusable(host, port)
        os.umask(0o077)  # other users of the machine must not read the database
        try:
            if settings.GATEPASS_SANDBOX:
                self._prepare_sandbox(host, port)
            else:
                self._prepare_live(host, port)
        except Error as reason:
            raise CommandError(f"The database cannot be used: {reason}") from None
        self.stdout.flush()
        connections.close_all()
        os.execv(sys.executable, _server(host, port))

    def _prepare_sandbox(self, host: str, port: int) -> None:
        if not is_loopback(host):
            raise CommandError(
                "A sandbox can be served only to this machine. Remove --host, or serve without a sandbox."
            )
        if "GATEPASS_URL" not in os.environ:
            settings.GATEPASS_URL = os.environ["GATEPASS_URL"] = f"http://127.0.0.1:{port}".removesuffix(":80")
        try:
            refuse_live()  # before migrate changes tables
            call_command("migrate", verbosity=0, interactive=False)
            self.check(databases=["default"])
            sandbox = make_sandbox(here=True)
        except IsLive:
            raise CommandError(
                "This database belongs to a live server, so it is not a sandbox. Serve it with `manage.py serve`, "
                "or create a sandbox in a new directory: `dev.py run --data DIR`, without DATABASE_URL."
            ) from None
        if "DATABASE_URL" in os.environ:
            secrets_file.update(settings.GATEPASS_SECRETS, DATABASE_URL=os.environ["DATABASE_URL"])
        self.stdout.write(welcome(*with_credentials(sandbox)))

    def _prepare_live(self, host: str, port: int) -> None:
        self.check(include_deployment_checks=True, databases=["default"])
        if not is_loopback(host) and urlsplit(settings.GATEPASS_URL).scheme != "https":
            raise CommandError(
                f"Plain HTTP on {host} would send every credential unencrypted. Set GATEPASS_URL to the https:// "
                "address of the proxy in front, or remove --host."
            )
        _refuse_unmigrated()
        if not is_loopback(host):
            self.stderr.write(
                f"Allow only your proxy to connect to {host}:{port}: the server trusts X-Forwarded headers."
            )
        if Deployment.objects.sandboxes().exists():
            self.stderr.write(
                "This database was a sandbox, and is live from now on. Its demo users, operator and API keys still "
                "work: delete those you do not need."
            )
        Deployment.go_live()
        self.stdout.write(f"Gatepass serves {settings.GATEPASS_URL} on {host}:{port}. Ctrl-C stops the server.")


def _refuse_unmigrated() -> None:
    """Raise CommandError if migrations are missing. The operator of a live server migrates, after a backup."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        return
    if not executor.loader.applied_migrations:
        raise CommandError("The database has no tables yet. Run `manage.py migrate`, then `manage.py bootstrap`.")
    raise CommandError(
        f"The database lacks {len(missing)} migrations, first {missing[0][0]}. Back it up and run `manage.py migrate`."
    )


def _refuse_unusable(host: str, port: int) -> None:
    if not 1 <= port <= LAST_PORT:
        raise CommandError(f"--port must be a number from 1 to {LAST_PORT}, not {port}.")
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        raise CommandError(f"--host must be an IP address of this machine, such as 127.0.0.1, not {host!r}.") from None
    try:
        with socket.create_server((host, port), family=family):
            pass
    except OSError as reason:
        raise CommandError(f"Cannot serve on {host}:{port} ({reason}). Choose another port with --port.") from None


def _server(host: str, port: int) -> list[str]:
    return [sys.executable, "-m", "sessions_project.server", host, str(port), str(settings.GATEPASS_WORKERS)]
