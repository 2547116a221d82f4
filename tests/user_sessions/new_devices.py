"""A Django project that sends mails about new devices, for tests."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetView
from django.core import mail
from django.urls import path

from tests.user_sessions import device_pages
from user_sessions.models import UserSession
from user_sessions.recipients import Recipient

URL = "https://www.example.com"

SETTINGS = {"NEW_DEVICE_NOTICE": "mail", "REMEMBER_DEVICES": True, "URL": URL}

urlpatterns = [path("password/reset/", PasswordResetView.as_view(), name="password_reset"), *device_pages.urlpatterns]


def install(settings: Any, folder: Any) -> None:
    device_pages.install(settings, folder)
    settings.ROOT_URLCONF = __name__
    settings.USER_SESSIONS = SETTINGS


def german(user: User, session: UserSession) -> Recipient:
    return Recipient(address="work@example.com", language="de")


def opted_out(user: User, session: UserSession) -> None:
    return None


def nonsense(user: User, session: UserSession) -> str:
    return "ann@example.com"


def path_in(message: Any) -> str:
    """Return the path of the link "This was not me" in a mail."""
    found = re.search(rf"{URL}(/devices/not-me/\S+/)", message.body)
    assert found, message.body
    return found[1]


def html_of(message: Any) -> str:
    ((html, kind),) = message.alternatives
    assert kind == "text/html"
    return str(html)


def only_mail() -> Any:
    (message,) = mail.outbox
    return message
