"""The page about client sessions is correct: its tables match the code, and its examples run."""

import re
import shutil

import pytest

from client_sessions.conf import DEFAULT_RATES
from client_sessions.devices.views import CREATE_IDENTITY, CREATE_WEBVIEW
from client_sessions.models import PersonalAccessToken
from client_sessions.seam.errors import CATALOGUE
from client_sessions.seam.metadata import LONGEST_NAME, LONGEST_VALUE, MOST_MEMBERS, Metadata
from sessions_core.http.parameters import MOST_ITEMS, Choice, Text, Texts
from sessions_core.texts import LONGEST_TEXT
from tests.client_sessions.test_routes import ROUTES
from tests.pages import DOCS, blocks, run_bash, table

PAGE = "client-sessions.md"
RESOURCES = "resources.md"


def test_every_route_is_documented_with_its_methods_callers_and_scope():
    documented = [
        (path, methods.split(", "), open_to.split(", "), {scope})
        for path, methods, open_to, scope in table(PAGE, "Routes")
    ]
    assert documented == [
        (route.path, list(route.actions), list(route.open_to), set(route.scopes.values())) for route in ROUTES
    ]


def test_every_error_is_documented_with_its_status():
    assert {type: int(status) for type, status, _ in table(PAGE, "Errors")} == {
        type: status for type, (status, _) in CATALOGUE.items()
    }


def test_every_rate_is_documented():
    documented = {kind: None if rate == "unlimited" else rate for kind, rate, _ in table(PAGE, "Limits")}
    assert documented == DEFAULT_RATES


def limit_of(parameter) -> str | None:
    """Return the limit as the page words it, or None for a parameter without a length."""
    match parameter:
        case Metadata():
            return f"{MOST_MEMBERS} members; names of {LONGEST_NAME} characters, texts of {LONGEST_VALUE}"
        case Texts():
            return f"{parameter.max_length} items of {parameter.item.max_length} characters"
        case Text() if not isinstance(parameter, Choice):
            return f"{parameter.max_length} characters"
    return None


def test_every_limit_of_a_parameter_is_documented():
    declared = {**CREATE_WEBVIEW.declared, **CREATE_IDENTITY.declared}
    limits = {name: limit for name, parameter in declared.items() if (limit := limit_of(parameter))}
    assert dict(table(RESOURCES, "Limits of parameters")) == limits


@pytest.mark.parametrize("page", [PAGE, RESOURCES])
def test_the_limits_of_all_other_parameters_are_documented(page):
    text = (DOCS / page).read_text()
    assert f"at most {LONGEST_TEXT} characters" in text and f"{MOST_ITEMS:,} items" in text


def test_every_route_has_a_command():
    commands = "\n".join(block for page in (PAGE, RESOURCES) for block in blocks(page, "bash"))
    assert [route.path for route in ROUTES if f"$URL/{route.path}" not in commands] == []


@pytest.fixture
def given(live_server, api_key, publishable_key, workspace, home, django_user_model) -> dict[str, str]:
    """Return the variables that the pages expect."""
    person = django_user_model.objects.create(username="jane")
    return {
        "URL": live_server.url,
        "API_KEY": api_key,
        "PUBLISHABLE_KEY": publishable_key,
        "ACCESS_TOKEN": PersonalAccessToken.objects.issue(person, [workspace], name="laptop", actor="test")[1],
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
