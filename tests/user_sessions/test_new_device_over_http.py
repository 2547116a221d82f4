"""A person signs in on a second device over HTTP, reads the mail in a folder, and follows its link."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from sessions_core.models import Event, Workspace
from tests.embedded import embedded
from tests.user_sessions.new_devices import install
from user_sessions.models import Status, UserSession

pytestmark = [embedded, pytest.mark.django_db(transaction=True)]

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture
def server(settings: Any, workspace: Workspace, tmp_path: Path) -> Iterator[LiveServer]:
    """Serve the project, which writes its mails to a folder."""
    install(settings, tmp_path)
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mails")
    server = LiveServer("localhost")
    settings.USER_SESSIONS = {**settings.USER_SESSIONS, "URL": server.url}
    yield server
    server.stop()


def browser() -> OpenerDirector:
    return build_opener(HTTPCookieProcessor(CookieJar()))


def page(opener: OpenerDirector, url: str) -> str:
    with opener.open(url, timeout=10) as response:
        return str(response.read().decode())


def submit(opener: OpenerDirector, url: str, **form: str) -> str:
    token = TOKEN.search(page(opener, url))
    assert token
    body = urlencode({"csrfmiddlewaretoken": token[1], **form}).encode()
    with opener.open(Request(url, body), timeout=10) as response:
        return str(response.read().decode())


def press(opener: OpenerDirector, url: str) -> str:
    with opener.open(Request(url, b""), timeout=10) as response:
        return str(response.read().decode())


def mails(folder: Path) -> list[Any]:
    return [message_from_bytes(each.read_bytes(), policy=policy.default) for each in sorted(folder.glob("*.log"))]


def test_the_link_in_the_mail_ends_the_session_after_a_press_of_its_button(server, tmp_path):
    User.objects.create_user("ann", "ann@example.com", "first password")
    own, intruder = browser(), browser()
    for opener in (own, intruder):
        submit(opener, f"{server.url}/login/", username="ann", password="first password")
    (message,) = mails(tmp_path / "mails")
    assert message["to"] == "ann@example.com"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text = message.get_body(("plain",)).get_content()
    (link,) = re.findall(rf"{server.url}/devices/not-me/\S+", text)

    scanner, reader = browser(), browser()
    for _ in range(3):
        assert "Sign this device out" in page(scanner, link)
    session = UserSession.objects.latest("created_at")
    assert session.status == Status.ACTIVE
    assert "The device is signed out." in press(reader, link)
    session.refresh_from_db()
    event = Event.objects.get(subject=session.pk, type="user_session.revoked")
    assert session.status == Status.REVOKED
    assert event.actor == f"new_device_mail:{session.pk}"
    assert event.data["reason"] == 'the user said "this was not me"'
    assert "This device is signed out already." in press(browser(), link)
