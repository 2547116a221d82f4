"""The page about the Python API lists what the doors offer: names, kinds and parameters; its code is run."""

import re
from enum import Enum
from importlib import import_module
from inspect import isclass, isfunction, signature
from typing import Any

import pytest
from django.db.models import Manager, Model
from django.dispatch import Signal

from client_sessions.devices.models import ConnectedAccount
from tests.pages import DOCS, blocks, table

PAGE = "api.md"
DOORS = re.findall(r"^## (\S+)$", (DOCS / PAGE).read_text(), re.MULTILINE)
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


@pytest.mark.parametrize("door", DOORS)
def test_each_call_has_its_parameters_and_its_twin(door):
    for call, _, what in rows(door, calls=True):
        path, _, parameters = call.rstrip(")").partition("(")
        *owners, name = path.split(".")
        owner: Any = import_module(door)
        for part in owners:
            owner = getattr(owner, part)
        if isinstance(owner, Manager):
            owner = type(owner) if hasattr(type(owner), name) else type(owner.all())
        taken = [each for each in signature(getattr(owner, name)).parameters if each != "self"]
        assert (path, taken) == (path, parameters.split(", ") if parameters else [])
        assert all(hasattr(owner, twin) for twin in re.findall(r"also `(\w+)`", what))


@pytest.mark.parametrize("door", DOORS)
def test_each_door_has_an_example(door):
    assert (DOCS / PAGE).read_text().split(f"## {door}\n")[1].split("\n## ")[0].count("```python") == 1


def test_the_examples_work_in_the_order_of_the_page(workspace, admin_user, capsys):
    account = ConnectedAccount.objects.create(workspace=workspace, display_name="one")
    names = {"workspace": workspace, "user": admin_user, "account": account}
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), names)
