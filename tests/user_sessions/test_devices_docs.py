"""The page of the documentation about "Your devices" is correct: its code runs, and its JSON is what a script gets."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from client_sessions.models import PersonalAccessToken
from sessions_core import passes
from sessions_core.models import Workspace
from tests.pages import blocks, table
from tests.user_sessions import django_project
from tests.user_sessions.device_pages import Device, install
from user_sessions.checks import check_settings
from user_sessions.pages import device_urls

PAGE = "your-devices.md"


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Path) -> None:
    install(settings, tmp_path)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


def use_urls(settings: Any, monkeypatch: Any, code: str) -> None:
    """Use the ``urlpatterns`` of the page, before those of the test project."""
    module: Any = ModuleType("urls_of_the_page")
    module.urlpatterns = []
    exec(compile(code, PAGE, "exec"), vars(module))
    module.urlpatterns += django_project.urlpatterns
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.ROOT_URLCONF = module.__name__


def test_the_page_is_added_with_one_line(settings, monkeypatch, ann):
    (code,) = blocks(PAGE, "python", under="Add the page")
    use_urls(settings, monkeypatch, code)
    assert "<h1>Your devices</h1>" in Device(ann).text()


def test_a_host_puts_the_page_into_its_own_design(settings, monkeypatch, tmp_path, ann):
    (base,), (code,) = (blocks(PAGE, kind, under="Put it into your own design") for kind in ("html", "python"))
    for name, text in {
        "base.html": "<nav>Ours</nav>{% block head %}{% endblock %}{% block content %}{% endblock %}",
        "user_sessions/devices_base.html": base,
        "account/devices.html": '{% extends "user_sessions/devices.html" %}{% block notes %}Our notes{% endblock %}',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    use_urls(settings, monkeypatch, code)
    text = Device(ann).text()
    for part in ("<nav>Ours</nav>", "devices.css", "<h1>Your devices</h1>", "Our notes"):
        assert part in text


def test_the_blocks_are_those_of_the_template():
    template = Path(device_urls.__file__).parents[1] / "templates" / "user_sessions" / "devices.html"
    for block in ("messages", "introduction", "current", "others", "passes", "ended", "notes"):
        assert f"{{% block {block} %}}" in template.read_text()


def test_the_setting_is_valid(settings):
    (code,) = blocks(PAGE, "python", under="Ask for the password first")
    names: dict[str, Any] = {}
    exec(compile(code, PAGE, "exec"), names)
    settings.USER_SESSIONS = names["USER_SESSIONS"]
    assert check_settings() == []


def test_a_script_gets_the_json_of_the_page(ann):
    PersonalAccessToken.objects.issue(ann, [Workspace.objects.get()], name="Nightly backup", actor="test")
    shown, _ = (json.loads(block) for block in blocks(PAGE, "json"))
    got = Device(ann).json()
    unique = {"id", "first_seen", "last_seen", "created_at"}
    for mine, documented in ((got[name][0], shown[name][0]) for name in ("sessions", "passes")):
        assert list(mine) == list(documented)
        assert {**mine, **dict.fromkeys(unique)} == {**documented, **dict.fromkeys(unique)}
    assert list(got) == list(shown)


def test_the_paths_are_those_of_the_views():
    documented = {path.replace("<id>", "*").replace("<kind>", "*") for path, *_ in table(PAGE, "Use it from a script")}
    patterns = [str(each.pattern) for each in device_urls.urlpatterns]
    paths = {"/".join("*" if part.startswith("<") else part for part in each.split("/")) for each in patterns if each}
    assert paths - {"not-me/*/"} <= documented  # which answers no JSON


def test_a_host_lists_passes_of_its_own(monkeypatch, ann):
    monkeypatch.setattr(passes, "_kinds", {})
    (code,) = blocks(PAGE, "python", under="List passes of your own")
    feed = SimpleNamespace(pk=7, name="Holidays", created_at=timezone.now(), revoke=lambda **by: True)
    feeds = SimpleNamespace(objects=SimpleNamespace(filter=lambda user: [feed]))
    exec(compile(code, PAGE, "exec"), {"Feed": feeds})
    assert "<bdi>Holidays</bdi>" in Device(ann).text()
