"""``manage.py create_workspace``."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sessions_core.models import ApiKey, Workspace
from user_sessions.models import UserSessionPolicy

pytestmark = pytest.mark.django_db

ADDRESS = "https://clerk.example.com"


@pytest.fixture
def create(capsys):
    """Return a function that runs the command with ``--json`` and returns what it prints."""

    def create(*arguments: str) -> Any:
        call_command("create_workspace", *arguments, "--json")
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
    workspace = ApiKey.objects.authenticate(created["api_key"]).workspace
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


def test_it_prints_lines_for_people(capsys):
    call_command("create_workspace", "Acme", "--frontend-api", ADDRESS)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Workspace        {Workspace.objects.get().pk}",
        "Sandbox          no",
        f"Frontend API     {ADDRESS}",
    ]
    call_command("create_workspace", "Acme")
    assert capsys.readouterr().out.splitlines()[1:] == lines


def test_it_says_when_the_default_workspace_must_be_named(capsys, settings):
    for name, is_needed in (("Acme", False), ("Other", True)):
        call_command("create_workspace", name)
        assert ("DEFAULT_WORKSPACE" in capsys.readouterr().err) == is_needed
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "DEFAULT_WORKSPACE": Workspace.objects.get(name="Acme").pk}
    call_command("create_workspace", "Third")
    assert not capsys.readouterr().err
