"""Scopes of API keys in the console and in ``manage.py api_key``."""

import json
import re

import pytest
from django.core.management import CommandError

from sessions_core import api_key_scopes
from sessions_core.api_key_scopes import registered_scopes
from sessions_core.models import ApiKey
from tests.sessions_core.test_api_key_command import run
from tests.test_console_api_keys import KEYS, created, page, secret, words

SOME = ["client_sessions:read", "user_sessions:read", "user_sessions:write"]


def boxes(response):
    return dict(re.findall(r'name="scopes" value="([^"]+)"([^>]*)>', response.content.decode()))


# The console


def test_the_form_offers_each_scope_in_plain_words_and_all_are_chosen(admin_client, workspace):
    form = admin_client.get(f"{KEYS}add/")
    assert set(boxes(form)) == set(registered_scopes())
    assert all("checked" in box for box in boxes(form).values())
    assert "Read JWT templates (jwt_templates:read)" in words(form)


def test_a_key_with_all_scopes_may_also_do_what_is_added_later(admin_client, workspace):
    assert ApiKey.authenticate(secret(created(admin_client))).scopes is None
    assert "Everything in this workspace." in words(admin_client.get(page(ApiKey.objects.get())))


def test_a_scope_chosen_as_often_as_there_are_scopes_is_still_one_scope(admin_client, workspace):
    created(admin_client, scopes=[SOME[0]] * len(registered_scopes()))
    assert ApiKey.objects.get().scopes == [SOME[0]]


def test_a_restricted_key_shows_its_scopes_in_the_list_and_on_its_page(admin_client, workspace):
    key = ApiKey.authenticate(secret(created(admin_client, scopes=SOME)))
    assert key.scopes == SOME
    assert "client_sessions:read, user_sessions:read and 1 more" in words(admin_client.get(KEYS))
    shown = words(admin_client.get(page(key)))
    assert "Only this: Read client sessions, with their tokens (client_sessions:read); Read user sessions" in shown


def test_a_scope_of_an_app_that_was_removed_is_still_shown(admin_client, workspace, monkeypatch):
    created(admin_client, scopes=["tickets:write"])
    monkeypatch.setattr(api_key_scopes, "_families", {})
    assert "Only this: tickets:write (tickets:write)." in words(admin_client.get(page(ApiKey.objects.get())))


def test_without_registered_scopes_a_key_may_do_everything(admin_client, workspace, monkeypatch):
    monkeypatch.setattr(api_key_scopes, "_families", {})
    assert boxes(admin_client.get(f"{KEYS}add/")) == {}
    assert ApiKey.authenticate(secret(created(admin_client, scopes=[]))).scopes is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scopes": []}, "Choose what the key may do."),
        ({"scopes": ["root"]}, "root is not one of the available choices."),
        ({"scopes": ["tickets:read"]}, "tickets:read is not one of the available choices."),
        ({"scopes": SOME, "kind": "publishable"}, "You can restrict secret keys only."),
    ],
)
def test_unusable_scopes_create_nothing_and_the_form_says_why(admin_client, workspace, given, message):
    form = created(admin_client, **given)
    assert message in words(form)
    assert [name for name, box in boxes(form).items() if "checked" in box] == [
        name for name in registered_scopes() if name in given["scopes"]
    ]
    assert not ApiKey.objects.exists()


# The command


def test_a_key_is_created_with_scopes(workspace):
    printed = run("create", "Here", "--name", "cron", "--scope", SOME[1], "--scope", SOME[0])
    assert ApiKey.authenticate(printed.strip()).scopes == SOME[:2]
    assert run("list").split("\t")[-1].strip() == "client_sessions:read, user_sessions:read"
    assert json.loads(run("list", "--json"))[0]["scopes"] == SOME[:2]


def test_the_list_shows_no_scopes_of_a_key_that_may_do_everything(workspace):
    run("create", "Here", "--name", "backend")
    assert run("list").endswith("\t\n") and json.loads(run("list", "--json"))[0]["scopes"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scope", "root"], "--scope 'root' is unknown. Use client_sessions:read, "),
        (["--scope", ""], "--scope '' is unknown."),
        (["--scope", "tickets:write", "--publishable"], "A publishable key has no scopes"),
    ],
)
def test_unusable_scopes_create_nothing_and_the_command_says_why(workspace, arguments, message):
    with pytest.raises(CommandError, match=message):
        run("create", "Here", "--name", "cron", *arguments)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("verb", ["roll", "console"])
def test_the_successor_of_a_key_has_its_scopes(admin_client, workspace, verb):
    key, _ = ApiKey.objects.issue(workspace, name="cron", actor="test", scopes=SOME)
    roll = admin_client.post(page(key, "roll"), {"overlap": "day"}) if verb == "console" else run("roll", key.short)
    assert ApiKey.authenticate(roll.strip() if isinstance(roll, str) else secret(roll)).scopes == SOME
