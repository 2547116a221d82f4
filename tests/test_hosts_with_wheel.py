"""The own tests of small host projects pass without Gatepass and with the built wheel, and so do a few that use it."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.databases import NoPostgreSQL, postgresql
from tests.embedded import embedded
from tests.hosts import HOSTS, ROOT, started

pytestmark = embedded

# The hosts' own tests, which must not depend on us, and those that do.
OWN, OURS = "tests", "tests_with_gatepass"


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server, or an empty string for SQLite."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(postgresql()).url if request.param == "PostgreSQL" else ""
        except NoPostgreSQL as reason:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and return the folder in which it is unpacked."""
    built, installed = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site-packages")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)], cwd=ROOT, check=True)
    (file,) = built.glob("*.whl")
    zipfile.ZipFile(file).extractall(installed)
    return installed


def run_tests(host: str, modules: list[str], *, settings: str, server: str, wheel: Path) -> str:
    """Run modules of a host's tests. Return the output; they must pass."""
    where = {"HOST": host, "HOST_DATABASE": server, "HOST_WHEEL": str(wheel), "DJANGO_SETTINGS_MODULE": settings}
    done = subprocess.run(
        [sys.executable, "-m", "django", "test", "--noinput", *(f"{host}.{module}" for module in modules)],
        cwd=HOSTS,
        env=os.environ | where | {"PYTHONPATH": f"{wheel}{os.pathsep}{started()}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


ALL = sorted(path.parent.name for path in HOSTS.glob("*/settings.py"))


@pytest.mark.parametrize("host", ALL)
def test_a_host_passes_its_tests_without_gatepass(host, wheel):
    """On one database: the same tests run on both with Gatepass."""
    run_tests(host, [OWN], settings=f"{host}.settings", server="", wheel=wheel)


@pytest.mark.parametrize("host", ALL)
def test_a_host_passes_them_with_gatepass_and_has_sessions(host, server, wheel):
    run_tests(host, [OWN, OURS], settings="settings_with_gatepass", server=server, wheel=wheel)
