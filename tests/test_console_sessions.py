"""An operator's console session: it works, it ends, and the database does not reveal it."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client

from tests.dump import dump

PAGE = "/admin/client_sessions/clientsession/"


@pytest.fixture
def operator(db: None) -> Client:
    get_user_model().objects.create_superuser("operator", password="a long enough word")
    client = Client()
    assert client.login(username="operator", password="a long enough word")
    return client


def is_console_session(cookie: str) -> bool:
    stranger = Client()
    stranger.cookies[settings.SESSION_COOKIE_NAME] = cookie
    return stranger.get(PAGE).status_code == 200


def test_a_dump_of_the_database_contains_no_console_session(operator):
    cookie = operator.cookies[settings.SESSION_COOKIE_NAME].value
    assert is_console_session(cookie)
    found = dump()
    assert Session.objects.get().session_key in found
    assert cookie not in found
    assert [text for text in found if text.isascii() and text.isprintable() and is_console_session(text)] == []


def test_signing_out_ends_the_console_session(operator):
    cookie = operator.cookies[settings.SESSION_COOKIE_NAME].value
    operator.post("/admin/logout/")
    assert not is_console_session(cookie)
    assert not Session.objects.exists()


def test_session_data_can_be_read_again(operator):
    session = operator.session
    session["seen"] = True
    session.save()
    assert operator.session["seen"] is True
    assert Session.objects.count() == 1
