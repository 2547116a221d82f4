"""The page about client sessions says what is true: its tables are compared, its code is run."""

import re
import shutil

import pytest

from client_sessions.conf import DEFAULT_RATES
from client_sessions.errors import CATALOGUE
from client_sessions.models import PersonalAccessToken
from tests.client_sessions.test_routes import ROUTES
from tests.pages import blocks, run_bash, table

PAGE = "client-sessions.md"
RESOURCES = "resources.md"


def test_every_route_is_documented_with_its_methods_and_callers():
    documented = [(path, methods.split(", "), open_to.split(", ")) for path, methods, open_to in table(PAGE, "Routes")]
    assert documented == [(route.path, list(route.actions), list(route.open_to)) for route in ROUTES]


def test_every_error_is_documented_with_its_status():
    assert {type: int(status) for type, status, _ in table(PAGE, "Errors")} == {
        type: status for type, (status, _) in CATALOGUE.items()
    }


def test_every_rate_is_documented():
    documented = {kind: None if rate == "unlimited" else rate for kind, rate, _ in table(PAGE, "Limits")}
    assert documented == DEFAULT_RATES


def test_every_route_has_a_command():
    commands = "\n".join(block for page in (PAGE, RESOURCES) for block in blocks(page, "bash"))
    assert [route.path for route in ROUTES if f"$URL/{route.path}" not in commands] == []


@pytest.fixture
def given(live_server, api_key, publishable_key, workspace, home, django_user_model) -> dict[str, str]:
    """What the pages say the reader has."""
    person = django_user_model.objects.create(username="jane")
    return {
        "URL": live_server.url,
        "API_KEY": api_key,
        "PUBLISHABLE_KEY": publishable_key,
        "ACCESS_TOKEN": PersonalAccessToken.objects.issue(person, [workspace], name="laptop", by="test")[1],
        "WORKSPACE_ID": home.workspace,
        "ACCOUNT_ID": home.a1,
        "OTHER_ACCOUNT_ID": home.a2,
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the pages' commands are curl's, which is not installed here")
@pytest.mark.parametrize("page", [PAGE, RESOURCES])
def test_the_commands_work_in_the_order_of_the_page(given, page):
    script = "\n".join(blocks(page, "bash"))
    silent = script.count("=$(curl") + script.count("-X OPTIONS")
    answers = re.findall(r'"ok": ?true', run_bash(page, given))
    assert len(answers) == script.count("curl") - silent


@pytest.mark.django_db(transaction=True)
def test_the_python_works(given):
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), dict(given))
