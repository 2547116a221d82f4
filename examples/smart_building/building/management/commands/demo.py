"""``manage.py demo``: two tenants with locks, a link for the browser of each, and the server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from building.models import Door, Lock, Tenant
from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Workspace

BY = "command:demo"
TENANTS = {"First floor": ["Entrance", "Balcony"], "Second floor": ["Studio"]}


class Command(BaseCommand):
    help = "Creates the missing demo data, prints how to try it, and serves it on 127.0.0.1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", default=8001, type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", run_syncdb=True, verbosity=0)
        workspace, _ = Workspace.objects.get_or_create(name="Smart building", is_sandbox=True)
        url = f"http://127.0.0.1:{options['port']}"
        for name, doors in TENANTS.items():
            session = _session(workspace, _tenant(name, doors))
            self.stdout.write(f"{name}: open {url}/#{session.token}")
        self.stdout.write("\nEnd the session of the second floor, then press Refresh on its page:\n")
        self.stdout.write(
            f"curl -s {url}/gatepass/client_sessions/revoke -H 'Authorization: Bearer {_key(workspace)}' "
            f"-H 'Content-Type: application/json' -d '{{\"client_session_id\": \"{session.pk}\"}}'\n"
        )
        self.stdout.write("Ctrl-C stops the server.")
        call_command("runserver", f"127.0.0.1:{options['port']}", use_reloader=False)


def _tenant(name: str, doors: list[str]) -> Tenant:
    tenant, is_new = Tenant.objects.get_or_create(name=name)
    for door in doors if is_new else ():
        Lock.objects.create(door=Door.objects.create(tenant=tenant, name=door), name=f"{door} lock")
    return tenant


def _session(workspace: Workspace, tenant: Tenant) -> ClientSession:
    wanted = {"tenant": [str(tenant.pk)]}
    return ClientSession.objects.start_or_match(
        workspace, actor=BY, user_identifier_key=f"tenant {tenant.pk}", wanted=wanted
    )


def _key(workspace: Workspace) -> str:
    """Return a new API key for each run, because a key is shown only once."""
    for old in ApiKey.objects.usable().secret().filter(workspace=workspace, name="demo"):
        old.revoke(actor=BY)
    return ApiKey.objects.issue(workspace, name="demo", actor=BY)[1]
