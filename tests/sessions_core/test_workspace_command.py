"""``manage.py workspace``."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sessions_core.models import ApiKey, Event, Workspace
from user_sessions.models import UserSessionPolicy

pytestmark = pytest.mark.django_db

ADDRESS = "https://clerk.example.com"


@pytest.fixture
def create(capsys):
    """Return a function that runs the command with ``--json`` and returns what it prints."""

    def create(*arguments: str) -> Any:
        call_command("workspace", "create", *arguments, "--json")
        return json.loads(capsys.readouterr().out)

    return create


def test_a_name_is_enough(create):
    created = create("Acme")
    workspace = Workspace.objects.get()
    assert (created["workspace_id"], created["name"], created["is_new"]) == (str(workspace.pk), "Acme", True)
    assert (workspace.is_sandbox, created["frontend_api"], created["api_key"]) == (False, None, None)
    assert not ApiKey.objects.exists() and not UserSessionPolicy.objects.exists()


def test_every_option_applies(create):
    created = create("Acme", "--sandbox", "--frontend-api", ADDRESS, "--api-key")
    workspace = ApiKey.authenticate(created["api_key"]).workspace
    assert (workspace.is_sandbox, UserSessionPolicy.of(workspace).frontend_api) == (True, ADDRESS)
    assert (created["is_sandbox"], created["frontend_api"]) == (True, ADDRESS)


def test_repeating_it_changes_nothing_and_prints_no_key(create):
    first = create("Acme", "--frontend-api", ADDRESS, "--api-key")
    again = create("Acme", "--frontend-api", "https://other.example.com", "--api-key", "--sandbox")
    assert again == {**first, "is_new": False, "api_key": None}
    assert (Workspace.objects.count(), ApiKey.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a" * 201], "at most 200 characters"),
        ([""], "This field cannot be blank"),
        (["Other", "--frontend-api", "clerk.example.com"], "Enter an origin"),
        (["Other", "--frontend-api", ADDRESS], "already exists"),
    ],
)
def test_invalid_values_create_nothing(create, arguments, sentence):
    create("Acme", "--frontend-api", ADDRESS)
    with pytest.raises(CommandError, match=f"Nothing was created.*{sentence}"):
        create(*arguments)
    assert Workspace.objects.count() == 1


def test_it_prints_a_line_for_each_fact(capsys):
    call_command("workspace", "create", "Acme", "--frontend-api", ADDRESS)
    facts = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    workspace = Workspace.objects.get()
    assert (facts["workspace_id"], facts["is_sandbox"], facts["frontend_api"]) == (str(workspace.pk), "no", ADDRESS)
    call_command("workspace", "create", "Acme")
    printed = capsys.readouterr()
    assert "is_new\tno" in printed.out and "exists and was not changed" in printed.err


def test_it_says_when_the_default_workspace_must_be_named(capsys, settings):
    for name, is_needed in (("Acme", False), ("Other", True)):
        call_command("workspace", "create", name)
        assert ("DEFAULT_WORKSPACE" in capsys.readouterr().err) == is_needed
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "DEFAULT_WORKSPACE": Workspace.objects.get(name="Acme").pk}
    call_command("workspace", "create", "Third")
    assert not capsys.readouterr().err


# list and policy


def test_the_list_has_every_workspace_in_one_query(create, capsys, django_assert_num_queries):
    for name in ("Beta", "Acme"):
        create(name)
    with django_assert_num_queries(1):
        call_command("workspace", "list", "--json")
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["Acme", "Beta"]
    call_command("workspace", "list")
    assert [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()] == ["Acme", "Beta"]


@pytest.fixture
def policy(create, capsys):
    """Return a function that runs ``workspace policy`` and returns the rules by name."""
    create("Acme")

    def policy(*changes: str) -> dict[str, str]:
        call_command("workspace", "policy", "Acme", *(f"--set={change}" for change in changes))
        return {line.split("\t")[0]: line.split("\t")[1] for line in capsys.readouterr().out.splitlines()}

    return policy


def test_the_rules_of_both_apps_are_shown_and_reading_writes_nothing(policy):
    rules = policy()
    assert (rules["user_sessions.lifetime"], rules["client_sessions.lifetime"]) == ("7d", "365d")
    assert (rules["user_sessions.limit"], rules["user_sessions.single_session_mode"]) == ("", "no")
    assert not UserSessionPolicy.objects.exists() and not Event.objects.exists()


def test_rules_are_changed_and_recorded(policy):
    changes = ["user_sessions.lifetime=12h", "user_sessions.limit=3", "user_sessions.single_session_mode=yes"]
    rules = policy(*changes)
    row = UserSessionPolicy.objects.get()
    assert (row.lifetime, row.limit, row.single_session_mode) == (timedelta(hours=12), 3, True)
    assert (rules["user_sessions.lifetime"], rules["user_sessions.limit"]) == ("12h", "3")
    event = Event.objects.get(type="workspace.policy_changed")
    assert set(event.data["changed"]) == {change.partition("=")[0] for change in changes}
    policy(*changes)
    assert Event.objects.count() == 1


def test_an_empty_value_removes_a_rule(policy):
    policy("user_sessions.limit=3")
    assert policy("user_sessions.limit=")["user_sessions.limit"] == ""
    assert UserSessionPolicy.objects.get().limit is None


def test_what_json_prints_can_be_set_again(policy, capsys):
    policy("user_sessions.lifetime=12h")
    call_command("workspace", "policy", "Acme", "--json")
    rules = {rule["name"]: rule["value"] for rule in json.loads(capsys.readouterr().out)}
    assert rules["user_sessions.lifetime"] == "12h"
    before = policy()
    given = {name: "" if value is None else value for name, value in rules.items()}
    assert policy(*(f"{name}={value}" for name, value in given.items())) == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("limit=3", "is not NAME=VALUE"),
        ("user_sessions.limit", "is not NAME=VALUE"),
        ("user_sessions.workspace=1", "is not NAME=VALUE"),
        ("user_sessions.limit=0", "greater than or equal to 1"),
        ("user_sessions.limit=many", "must be an integer"),
        ("user_sessions.lifetime=long", "is not a duration"),
        ("user_sessions.lifetime=", "need a lifetime or an idle lifetime"),
        ("user_sessions.idle_lifetime=30d", "must be shorter than the lifetime"),
        ("user_sessions.single_session_mode=maybe", "neither yes nor no"),
        ("user_sessions.signing_algorithm=none", "is not a valid choice"),
        ("client_sessions.lifetime=", "is not a duration"),
    ],
)
def test_an_invalid_rule_changes_nothing(policy, change, sentence):
    with pytest.raises(CommandError, match=f"Nothing was changed.*{sentence}"):
        policy("user_sessions.backend_sessions_enabled=yes", change)
    assert not UserSessionPolicy.objects.exists() and not Event.objects.exists()
