"""The page about client sessions says what is true: its tables are compared, its code is run."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from client_sessions.errors import CATALOGUE
from tests.client_sessions.test_routes import ROUTES

PAGE = (Path(__file__).parents[2] / "docs" / "client-sessions.md").read_text()


def table(heading: str) -> list[list[str]]:
    """Rows under a heading, as cells without the code marks."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_route_is_documented_with_its_methods_and_callers():
    documented = [(path, methods.split(", "), open_to.split(", ")) for path, methods, open_to in table("Routes")]
    assert documented == [(route.path, list(route.actions), list(route.open_to)) for route in ROUTES]


def test_every_error_is_documented_with_its_status():
    assert {type: int(status) for type, status, _ in table("Errors")} == {
        type: status for type, (status, _) in CATALOGUE.items()
    }


@pytest.fixture
def given(live_server, api_key, home) -> dict[str, str]:
    """What the page says the reader has."""
    return {"URL": live_server.url, "API_KEY": api_key, "ACCOUNT_ID": home.a1, "OTHER_ACCOUNT_ID": home.a2}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands are curl's, which is not installed here")
def test_the_commands_work_in_the_order_of_the_page(given):
    script = "set -euo pipefail\n" + "\n".join(block.replace("curl -s", "curl -sS --fail") for block in blocks("bash"))
    done = subprocess.run(["bash", "-c", script], env=os.environ | given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"ok":true') == script.count("curl") - script.count("=$(curl")


@pytest.mark.django_db(transaction=True)
def test_the_python_works(given):
    for block in blocks("python"):
        exec(compile(block, "docs/client-sessions.md", "exec"), dict(given))
