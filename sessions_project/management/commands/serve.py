"""``manage.py serve``: bring the database up to date, say how to get in, and become the server."""

import json
import os
import socket
import sys
from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections

from sessions_core.models import ApiKey, Workspace
from sessions_core.transactions import is_away
from sessions_project import secrets_file
from sessions_project.bootstrap import DemoUser, Sandbox, bootstrap
from user_sessions.cookies import publishable_key

HOST = "127.0.0.1"

# Names in GATEPASS_DATA/secrets.env.
API_KEY = "GATEPASS_SANDBOX_API_KEY"
PASSWORD = "GATEPASS_OPERATOR_PASSWORD"
USER_PASSWORD = "GATEPASS_DEMO_PASSWORD_{}"

WELCOME = """
Gatepass is on {url}, its data in {data}

  Admin            {url}/admin/
  Issuer           {issuer}
  Operator         {operator}
  API key          {api_key}
  Publishable key  {publishable_key}
  Accounts         {accounts}
  Users            {users}

Try it in a browser, on {url}/, or in another terminal:

# 1. A client session for {username}, who may reach one connected account
{create}

# 2. The devices that {username}'s token reaches
TOKEN=$({create} | {token_of}); \\
curl -sw '\\n' {url}/devices/list -H "Authorization: Bearer $TOKEN"

# 3. A session token for {username}, signed in on a new device
SESSION=$(curl -s {url}/v1/sessions {key} {json} -d '{{"user_id": "{user_id}"}}' | {id_of}); \\
curl -sw '\\n' -X POST {url}/v1/sessions/$SESSION/tokens {key}

Ctrl-C stops the server.
"""
CREATE = (
    "curl -sw '\\n' {url}/client_sessions/get_or_create {key} {json} "
    """-d '{{"user_identifier_key": "{username}", "connected_account_ids": {account_ids}}}'"""
)
JSON = "-H 'Content-Type: application/json'"
TOKEN_OF = """python3 -c 'import json, sys; print(json.load(sys.stdin)["client_session"]["token"])'"""
ID_OF = """python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'"""


class Command(BaseCommand):
    help = f"Migrates, makes the sandbox if there is none, and serves on {HOST}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        port: int = options["port"]
        _refuse_taken(port)
        os.umask(0o077)  # the database is nobody else's to read
        if "GATEPASS_URL" not in os.environ:
            settings.GATEPASS_URL = os.environ["GATEPASS_URL"] = f"http://{HOST}:{port}".removesuffix(":80")
        _migrate()
        self.check(databases=["default"])
        self.stdout.write(welcome(*remembered(bootstrap(here=True))))
        self.stdout.flush()
        connections.close_all()
        os.execv(sys.executable, _server(port))


def _migrate() -> None:
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except Error as reason:
        if not is_away(reason):
            raise
        raise CommandError(f"The database of DATABASE_URL cannot be used: {reason}") from None


def _refuse_taken(port: int) -> None:
    try:
        with socket.create_server((HOST, port)):
            pass
    except (OSError, OverflowError) as reason:
        raise CommandError(f"Cannot serve on {HOST}:{port} ({reason}). Choose another with --port.") from None


def remembered(sandbox: Sandbox) -> tuple[Sandbox, str, str | None]:
    """The sandbox with an API key that works, and the passwords that are still the first ones."""
    kept = secrets_file.read(settings.GATEPASS_SECRETS)
    api_key = sandbox.api_key or kept.get(API_KEY, "")
    if not _works(api_key, sandbox):
        api_key = bootstrap(new_key=True).api_key or ""
    known = {API_KEY: api_key, PASSWORD: sandbox.operator.password or kept.get(PASSWORD, "")}
    known |= {_kept_as(user): user.password or kept.get(_kept_as(user), "") for user in sandbox.users}
    if known.items() - kept.items():
        secrets_file.remember(settings.GATEPASS_SECRETS, **known)
    users = [replace(user, password=_if_it_opens(user.username, known[_kept_as(user)])) for user in sandbox.users]
    return replace(sandbox, users=users), api_key, _if_it_opens(sandbox.operator.username, known[PASSWORD])


def _kept_as(user: DemoUser) -> str:
    return USER_PASSWORD.format(user.username.upper())


def _works(api_key: str, sandbox: Sandbox) -> bool:
    key = ApiKey.objects.authenticate(api_key)
    return key is not None and key.workspace_id == sandbox.workspace_id


def _if_it_opens(username: str, password: str) -> str | None:
    return password if password and authenticate(username=username, password=password) else None


def welcome(sandbox: Sandbox, api_key: str, password: str | None) -> str:
    user = sandbox.users[0]
    words = {
        "url": settings.GATEPASS_URL,
        "key": f"-H 'Authorization: Bearer {api_key}'",
        "json": JSON,
        "username": user.username,
        "account_ids": json.dumps([str(account_id) for account_id in sandbox.connected_account_ids[:1]]),
    }
    return WELCOME.format(
        **words,
        data=settings.GATEPASS_DATA,
        issuer=sandbox.frontend_api or f"urn:uuid:{sandbox.workspace_id}",
        operator=f"{sandbox.operator.username}, password {password or 'as you set it'}",
        api_key=api_key,
        publishable_key=_publishable_keys(sandbox),
        accounts=", ".join(str(account_id) for account_id in sandbox.connected_account_ids),
        users=f"\n{' ' * 19}".join(
            f"{each.id} ({each.username}, password {each.password or 'as you set it'})" for each in sandbox.users
        ),
        create=CREATE.format(**words),
        token_of=TOKEN_OF,
        id_of=ID_OF,
        user_id=user.id,
    )


def _publishable_keys(sandbox: Sandbox) -> str:
    """Each dialect has a form of its own; the one of Clerk's SDKs is an address."""
    workspace = Workspace.objects.get(pk=sandbox.workspace_id)
    address = f", for Clerk's SDKs {publishable_key(workspace)}" if workspace.frontend_api else ""
    return sandbox.publishable_key + address


def _server(port: int) -> list[str]:
    return [sys.executable, "-m", "sessions_project.server", HOST, str(port), str(settings.GATEPASS_WORKERS)]
