"""The page about personal data is correct: its code runs, and its periods are the defaults."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from client_sessions.models import ClientSession
from sessions_core import personal_data
from sessions_core.cleaning import kind_named
from sessions_core.webhooks.messages import RETENTION
from tests.pages import DOCS, blocks, table
from user_sessions.models import UserSession

PAGE = "personal-data.md"
# Kinds that something else deletes.
OTHERWISE = {"activities", "personal_access_tokens", "webhook_messages"}


@pytest.fixture
def names(workspace, monkeypatch):
    """Return the names that the examples expect. What they register is forgotten."""
    monkeypatch.setattr(personal_data, "_sources", dict(personal_data._sources))
    user = get_user_model().objects.create_user("jane_doe", first_name="Jane")
    UserSession.objects.start(workspace, user, actor="test")
    ClientSession.objects.start(workspace, actor="test", user_identifier_key="jane")
    return {"user": user, "workspace": workspace}


def test_the_examples_run(names):
    exporting, erasing, *rest = blocks(PAGE, "python")
    for block in (exporting, erasing, *rest):
        exec(block, names)
    found = personal_data.export_user(names["key"])
    assert [each["rows"] for each in found["sections"] if each["name"] == "names"] == [[]]


def test_the_registered_rows_of_a_host_are_exported_and_erased(names):
    user, register = names["user"], blocks(PAGE, "python", under="Add rows of your own")[0]
    exec(register, names)
    exported = {each["name"]: each["rows"] for each in personal_data.export_user(user)["sections"]}
    assert exported["names"] == [{"first_name": "Jane", "last_name": ""}]
    assert personal_data.erase_user(user, actor="test")["names"] == 1
    assert "names" not in personal_data.erase_user(user, actor="test")


def test_every_section_of_an_export_is_documented(names):
    sections = {each["name"] for each in personal_data.export_user(names["user"])["sections"]}
    assert sections - {"grants"} == {kind for kind, *_ in table(PAGE, "What is stored")}


def test_the_documented_periods_are_the_defaults():
    documented = {kind: kept for kind, *_, kept in table(PAGE, "What is stored")}
    for kind in documented.keys() - OTHERWISE:
        days = int(re.findall(r"\d+", documented[kind])[0])
        assert kind_named(kind).retention() == timedelta(days=days), kind
    assert documented["webhook_messages"].startswith(f"{RETENTION.days} days")


def test_the_text_to_copy_has_the_default_periods():
    (text,) = blocks(PAGE, "text")
    named = [int(days) for days in re.findall(r"(\d+)\s+days", text)]
    kinds = ("user_sessions", "sign_ins", "events")
    assert [timedelta(days=days) for days in named] == [kind_named(kind).retention() for kind in kinds]


def test_the_page_names_the_check_and_both_commands():
    page = (DOCS / PAGE).read_text()
    assert all(word in page for word in ("sessions_core.W005", "manage.py export_user", "manage.py erase_user"))
