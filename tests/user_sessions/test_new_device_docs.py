"""The page of the documentation about new devices is correct: its code runs, and its names exist."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from tests.pages import DOCS, blocks, table
from tests.user_sessions.new_devices import install
from user_sessions.checks import check_settings
from user_sessions.conf import DEFAULT_RATES, NEW_DEVICE_NOTICES
from user_sessions.new_device_checks import check_devices, check_links, check_mail
from user_sessions.pages import not_me_views
from user_sessions.recipients import Recipient
from user_sessions.remembered_devices import DEVICE_COOKIE, LIFETIME

PAGE = "new-device-mail.md"
TEXT = (DOCS / PAGE).read_text()


@pytest.fixture(autouse=True)
def project(settings: Any, tmp_path: Path) -> None:
    install(settings, tmp_path)


@pytest.mark.parametrize("heading", ["Remember browsers first", "Turn the notice on"])
def test_the_settings_are_valid(settings, heading):
    (code,) = blocks(PAGE, "python", under=heading)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE, "exec"), names)
    settings.USER_SESSIONS, settings.EMAIL_TIMEOUT = names["USER_SESSIONS"], names.get("EMAIL_TIMEOUT")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert [each for check in (check_settings, check_links, check_mail, check_devices) for each in check()] == []


def test_each_value_of_the_setting_is_explained():
    assert [value.strip('"') for value, _ in table(PAGE, "Turn the notice on")] == list(NEW_DEVICE_NOTICES)


@pytest.mark.django_db
def test_the_function_lets_users_opt_out():
    (code,) = blocks(PAGE, "python", under="Choose who gets it, and in which language")
    names: dict[str, Any] = {}
    exec(compile(code, PAGE, "exec"), names)
    user = User.objects.create_user("ann", "ann@example.com")
    assert names["recipient"](user, None) == Recipient(address="ann@example.com", language="de")
    user.groups.add(Group.objects.create(name="no security mails"))
    assert names["recipient"](user, None) is None


def test_the_templates_and_their_blocks_exist():
    folder = Path(not_me_views.__file__).parents[1] / "templates"
    for name in ("new_device_mail.txt", "new_device_mail.html", "not_me.html"):
        assert f"`user_sessions/{name}`" in TEXT
        assert (folder / "user_sessions" / name).exists()
    for block in ("form", "advice"):
        assert f"{{% block {block} %}}" in (folder / "user_sessions" / "not_me.html").read_text()


def test_the_figures_are_those_of_the_code():
    assert (DEVICE_COOKIE in TEXT, f"{LIFETIME.days} days" in TEXT) == (True, True)
    assert (not_me_views.LINK_LIFETIME.days, DEFAULT_RATES["new_device_mail"]) == (7, "5/hour")
