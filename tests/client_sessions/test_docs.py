"""The page about client sessions says what is true: its tables are compared, its code is run."""

import shutil

import pytest

from client_sessions.errors import CATALOGUE
from tests.client_sessions.test_routes import ROUTES
from tests.pages import blocks, run_bash, table

PAGE = "client-sessions.md"


def test_every_route_is_documented_with_its_methods_and_callers():
    documented = [(path, methods.split(", "), open_to.split(", ")) for path, methods, open_to in table(PAGE, "Routes")]
    assert documented == [(route.path, list(route.actions), list(route.open_to)) for route in ROUTES]


def test_every_error_is_documented_with_its_status():
    assert {type: int(status) for type, status, _ in table(PAGE, "Errors")} == {
        type: status for type, (status, _) in CATALOGUE.items()
    }


@pytest.fixture
def given(live_server, api_key, home) -> dict[str, str]:
    """What the page says the reader has."""
    return {"URL": live_server.url, "API_KEY": api_key, "ACCOUNT_ID": home.a1, "OTHER_ACCOUNT_ID": home.a2}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands are curl's, which is not installed here")
def test_the_commands_work_in_the_order_of_the_page(given):
    script = "\n".join(blocks(PAGE, "bash"))
    assert run_bash(PAGE, given).count('"ok":true') == script.count("curl") - script.count("=$(curl")


@pytest.mark.django_db(transaction=True)
def test_the_python_works(given):
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), dict(given))
