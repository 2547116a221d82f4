"""The checks of the notice about new devices."""

from typing import Any

import pytest
from django.urls import include, path

from tests.embedded import embedded
from tests.user_sessions.new_devices import SETTINGS
from user_sessions.new_device_checks import SMTP, check_devices, check_links, check_mail

pytestmark = embedded

MIDDLEWARE = "user_sessions.middleware.UserSessionMiddleware"

urlpatterns = [path("devices/", include("user_sessions.pages.device_urls"))]


class NeedsMore:
    urlpatterns = [path("<slug:team>/", include((urlpatterns, "team")))]


@pytest.fixture(autouse=True)
def project(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [MIDDLEWARE]
    settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT = SMTP, 5
    settings.USER_SESSIONS = SETTINGS


def found() -> list[str]:
    return [str(each.id) for check in (check_links, check_mail, check_devices) for each in check()]


def test_a_complete_configuration_is_fine():
    assert found() == []


def test_a_mail_needs_the_origin_of_its_links(settings):
    settings.USER_SESSIONS = {**SETTINGS, "URL": None}
    assert found() == ["user_sessions.E025"]


def test_a_mail_needs_the_page_of_its_link(settings):
    settings.ROOT_URLCONF = "tests.user_sessions.django_project"
    assert found() == ["user_sessions.E026"]


def test_the_page_may_be_in_a_namespace_of_the_host(settings):
    settings.ROOT_URLCONF = "tests.user_sessions.nested_devices"
    assert found() == []


def test_a_page_whose_address_needs_more_than_the_mail_knows_is_not_enough(settings):
    settings.ROOT_URLCONF = NeedsMore
    assert found() == ["user_sessions.E026"]


def test_a_mail_server_must_not_hang_for_ever(settings):
    settings.EMAIL_TIMEOUT = None
    assert found() == ["user_sessions.W004"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    assert found() == []


def test_the_project_must_remember_devices(settings):
    settings.USER_SESSIONS = {"NEW_DEVICE_NOTICE": "signal"}
    assert found() == ["user_sessions.W005"]
    settings.MIDDLEWARE = []  # all sign-ins are those of the Frontend API
    assert found() == []


def test_nothing_is_required_while_it_is_off(settings):
    settings.USER_SESSIONS, settings.EMAIL_TIMEOUT, settings.ROOT_URLCONF = {}, None, "tests.user_sessions.frontend"
    assert found() == []
