"""Measure how ``client_sessions/get`` depends on devices of others: ``python -m benchmarks.foreign_rows``.

Each number is a whole request through Django's handler in this process. See README.md.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client

    from sessions_core.models import Workspace

SIZES = (120, 1000, 5000)
CALLS = 40
BATCH = 1000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gatepass-benchmarks-") as data:
        os.environ.update(GATEPASS_DATA=data, DJANGO_SETTINGS_MODULE="sessions_project.settings")
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        print(f"{connection.vendor}: medians of {CALLS} answers, in milliseconds")
        for is_analysed in (False, True):
            for other in (True, False):
                curve(of_another_tenant=other, is_analysed=is_analysed)
        print(time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def curve(*, of_another_tenant: bool, is_analysed: bool) -> None:
    """Print the time at each size, and the growth of its ratio to a request without queries."""
    from client_sessions.devices.models import Device
    from sessions_core.models import Workspace

    here, elsewhere = (Workspace.objects.create(name=name, is_sandbox=True) for name in ("Here", "Elsewhere"))
    caller = caller_of_a_session(here)
    grow = device_adder(elsewhere if of_another_tenant else here, is_analysed=is_analysed)
    whose = f"{'another tenant' if of_another_tenant else 'the own tenant'}{', analysed' * is_analysed}"
    print(f"\n{'devices of ' + whose:<36}{'ms':>8}{'growth':>9}")
    first = 0.0
    for size in SIZES:
        grow(size)
        bare, answer = medians_of(caller, "/health", "/client_sessions/get")
        first = first or answer / bare
        print(f"{size:<36,}{answer:>8.2f}{answer / bare / first:>9.2f}", flush=True)
    Device.objects.all()._raw_delete(Device.objects.db)  # without the signals that look for grants


def caller_of_a_session(workspace: "Workspace") -> "Client":
    """Return a test client with the token of a session that reaches three devices."""
    from django.test import Client

    from client_sessions.devices.models import ConnectedAccount, Device
    from client_sessions.models import ClientSession

    account = ConnectedAccount.objects.create(workspace=workspace, display_name="own")
    for n in range(3):
        Device.objects.create(workspace=workspace, connected_account=account, name=f"own {n}")
    session = ClientSession.objects.start(workspace, actor="benchmark", wanted={"connected_account": [str(account.pk)]})
    return Client(headers={"host": "127.0.0.1", "authorization": f"Bearer {session.token}"})


def device_adder(workspace: "Workspace", *, is_analysed: bool) -> Callable[[int], None]:
    """Return a function that adds devices that the session does not reach, up to a number."""
    from django.db import connection

    from client_sessions.devices.models import ConnectedAccount, Device

    account = ConnectedAccount.objects.create(workspace=workspace, display_name="others")

    def grow(size: int) -> None:
        missing = range(account.devices.count(), size)
        new = [Device(workspace=workspace, connected_account=account, name=f"device {n}") for n in missing]
        Device.objects.bulk_create(new, batch_size=BATCH)
        if is_analysed:  # PostgreSQL does this automatically, SQLite only on request
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")

    return grow


def medians_of(caller: "Client", *paths: str) -> list[float]:
    """Return the median milliseconds of each path. They alternate, so that a busy machine slows all of them."""
    took: dict[str, list[float]] = {path: [] for path in paths}
    for _ in range(CALLS + 3):
        for path in paths:
            started = time.perf_counter()
            assert caller.get(path).status_code == 200
            took[path].append((time.perf_counter() - started) * 1000)
    return [statistics.median(times[3:]) for times in took.values()]  # the first requests fill caches


if __name__ == "__main__":
    main()
