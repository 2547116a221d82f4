"""``manage.py bootstrap``: make the sandbox, or show the one that is there."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from sessions_core.management.databases import ready_database
from sessions_project.bootstrap import DemoUser, Sandbox, bootstrap


class Command(BaseCommand):
    help = "Makes a sandbox workspace with keys, an operator and demo data; what is there already stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--no-demo", action="store_true", help="no users, accounts and devices to play with")
        parser.add_argument("--new-key", action="store_true", help="issue another API key; earlier ones go on working")

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            sandbox = bootstrap(demo=not options["no_demo"], new_key=options["new_key"])
        self.stdout.write(_as_json(sandbox) if options["json"] else _as_text(sandbox))


def _as_json(sandbox: Sandbox) -> str:
    return DjangoJSONEncoder(indent=2).encode(asdict(sandbox))


def _as_text(sandbox: Sandbox) -> str:
    lines = [
        f"Workspace        {sandbox.workspace_id}",
        f"Frontend API     {sandbox.frontend_api}",
        f"Issuer           {sandbox.frontend_api or sandbox.workspace_id.urn}",
        f"API key          {sandbox.api_key or 'shown when it was made; --new-key makes another'}",
        f"Publishable key  {sandbox.publishable_key}",
        f"Operator         {sandbox.operator.username}, password {sandbox.operator.password or 'as it was'}",
        *(f"User             {_user(user)}" for user in sandbox.users),
        *(f"Account          {account_id}" for account_id in sandbox.connected_account_ids),
        *(f"Device           {device_id}" for device_id in sandbox.device_ids),
    ]
    return "\n".join(lines)


def _user(user: DemoUser) -> str:
    return f"{user.id} {user.username}, password {user.password or 'as it was'}"
