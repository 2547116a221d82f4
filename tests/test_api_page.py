"""The page about the Python API lists what the doors offer: names, kinds and parameters; its code is run."""

import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from inspect import isclass, isfunction, signature
from typing import Any

import pytest
from django.db.models import Manager, Model
from django.dispatch import Signal

from client_sessions.devices.models import ConnectedAccount
from client_sessions.models import ClientSession
from client_sessions.signals import grants_changed
from tests.pages import DOCS, blocks, table
from user_sessions.models import Activity, UserSession
from user_sessions.signals import session_ended

PAGE = "api.md"
DOORS = re.findall(r"^## (\S+)$", (DOCS / PAGE).read_text(), re.MULTILINE)
MODELS: dict[str, type[Model]] = {"UserSession": UserSession, "Activity": Activity, "ClientSession": ClientSession}
# Whose errors are a door of their own.
ERRORS = {f"{app}.models": f"{app}.exceptions" for app in ("client_sessions", "user_sessions")}


def rows(door: str, *, calls: bool) -> list[list[str]]:
    return [row for row in table(PAGE, door) if ("(" in row[0]) == calls]


def kind_of(offered: Any) -> str:
    kinds = {Exception: "exception", Enum: "enumeration", Model: "model", object: "class"}
    if isclass(offered):
        return next(kind for base, kind in kinds.items() if issubclass(offered, base))
    if isfunction(offered):
        return "function"
    if isinstance(offered, Signal):
        return "signal"
    return "type" if hasattr(offered, "__args__") else "constant"


def offered_by(module: str) -> list[str]:
    """Return the stable names of a module. A package of doors offers its doors."""
    inside = [door.rpartition(".")[2] for door in DOORS if door.rpartition(".")[0] == module]
    return inside + (list(import_module(module).__all__) if module in DOORS else [])


@pytest.mark.parametrize("door", DOORS)
def test_a_door_offers_what_the_page_lists(door):
    offered = set(import_module(door).__all__)
    if door in ERRORS:
        offered -= set(import_module(ERRORS[door]).__all__)
    assert sorted(name for name, *_ in rows(door, calls=False)) == sorted(offered)


@pytest.mark.parametrize("door", DOORS)
def test_each_name_is_of_its_kind(door):
    for name, kind, _ in rows(door, calls=False):
        assert (name, kind_of(getattr(import_module(door), name))) == (name, kind)


def documented(door: str) -> Iterator[tuple[str, list[str], Any, Any]]:
    """Yield the path, the parameters, the function and its owner for each call in the table of a door."""
    for call, *_ in rows(door, calls=True):
        path, _, parameters = call.rstrip(")").partition("(")
        *owners, name = path.split(".")
        owner: Any = import_module(door)
        for part in owners:
            owner = getattr(owner, part)
        if isinstance(owner, Manager) and hasattr(owner.all(), name):
            owner = type(owner.all())
        yield path, parameters.split(", ") if parameters else [], getattr(owner, name), owner


@pytest.mark.parametrize("door", DOORS)
def test_each_call_has_its_parameters(door):
    for path, parameters, call, _ in documented(door):
        taken = [each for each in signature(call).parameters if each != "self"]
        assert (path, taken) == (path, parameters)


@pytest.mark.parametrize("door", DOORS)
def test_each_twin_exists(door):
    for (_, _, what), (path, _, _, owner) in zip(rows(door, calls=True), documented(door), strict=True):
        for twin in re.findall(r"also `(\w+)`", what):
            assert hasattr(owner, twin), path


@pytest.mark.parametrize("door", DOORS)
def test_the_time_may_be_left_out_except_where_it_is_the_question(door):
    for path, parameters, call, _ in documented(door):
        if "at" in parameters and not path.endswith(".status_at"):
            assert (path, signature(call).parameters["at"].default) == (path, None)


def test_each_field_exists():
    found = re.findall(r"^Fields of `(\w+)`[^:]*: (.+?)\.$", (DOCS / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    assert [model for model, _ in found] == ["UserSession", "Activity", "ClientSession"]
    for model, names in found:
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(MODELS[model], name), (model, name)


def test_other_pages_import_only_what_this_page_lists():
    found = [
        (module, name)
        for page in DOCS.glob("*.md")
        for block in blocks(page.name, "python")
        for module, names in re.findall(
            r"^from ((?:sessions_core|client_sessions|user_sessions)\S*) import (.+)$", block, re.M
        )
        for name in names.split(", ")
    ]
    assert found
    assert [(module, name) for module, name in found if name not in offered_by(module)] == []


@pytest.mark.parametrize("door", DOORS)
def test_each_door_has_an_example(door):
    assert (DOCS / PAGE).read_text().split(f"## {door}\n")[1].split("\n## ")[0].count("```python") == 1


def test_the_examples_work_in_the_order_of_the_page(workspace, admin_user, capsys, monkeypatch):
    for signal in (session_ended, grants_changed):
        monkeypatch.setattr(signal, "receivers", [])  # those of the page are gone after it
    account = ConnectedAccount.objects.create(workspace=workspace, display_name="one")
    names = {"workspace": workspace, "user": admin_user, "account": account}
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), names)
