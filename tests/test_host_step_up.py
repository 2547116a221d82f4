"""A project with allauth: users re-authenticate at allauth's pages, and at ours if allauth has none for them."""

import sys
from pathlib import Path

import pytest

from tests.embedded import apart
from tests.hosts import run
from tests.test_host_factors import ALLAUTH, ALLAUTH_URLS, extend

pytestmark = apart

SETTINGS = f"""{ALLAUTH}
MIDDLEWARE += ["user_sessions.middleware.UserSessionMiddleware"]
ACCOUNT_EMAIL_VERIFICATION = "none"
LOGIN_URL = "/accounts/login/"
"""
URLS = """
from django.http import HttpResponse
from user_sessions.step_up import verified_within

@verified_within(minutes=10)
def sensitive(request):
    return HttpResponse("done")

urlpatterns += [path("sensitive/", sensitive)]
"""
SCRIPT = """
import django
django.setup()
from datetime import timedelta
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from sessions_core.models import Event
from user_sessions.models import UserSession

browser = Client()
User.objects.create_user("ann", "ann@example.com", "correct horse")

def later():
    UserSession.objects.update(verified_at=timezone.now() - timedelta(hours=1))

def shown(response):
    print(response.status_code, response.headers.get("location", ""))

def asked():
    answer = browser.get("/sensitive/?a=1")
    shown(answer)
    return answer.headers.get("location")

def force_login():
    browser.force_login(User.objects.get(), "allauth.account.auth_backends.AuthenticationBackend")
    later()
"""


@pytest.fixture
def project(host: Path) -> Path:
    extend(host, SETTINGS, ALLAUTH_URLS + URLS)
    run(host, sys.executable, "manage.py", "migrate", "-v0")
    return host


def printed(project: Path, script: str) -> list[str]:
    return run(project, sys.executable, "-W", "ignore", "-c", SCRIPT + script).splitlines()


BY_PASSWORD = """
browser.post("/accounts/login/", {"login": "ann", "password": "correct horse"})
asked()
later()
form = asked()
shown(browser.post(form, {"password": "wrong"}))
asked()
shown(browser.post(form, {"password": "correct horse"}))
asked()
print(UserSession.objects.get().amr, Event.objects.filter(type="user_session.reverified").count())
"""


def test_the_password_is_asked_for_at_the_page_of_allauth(project):
    page = "/accounts/reauthenticate/?next=/sensitive/%3Fa%3D1"
    assert printed(project, BY_PASSWORD) == [
        *("200 ", f"302 {page}", "200 ", f"302 {page}"),
        *("302 /sensitive/?a=1", "200 ", "['pwd'] 1"),
    ]


WITHOUT_PASSWORD = """
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
User.objects.update(password="!")
force_login()
form = asked()
shown(browser.post(form, {"sign_out": "yes"}))
force_login()
TOTP.activate(User.objects.get(), "A" * 32)
form = asked()
code = format_hotp_value(hotp_value("A" * 32, next(yield_hotp_counters_from_time())))
shown(browser.post(form, {"code": code}))
asked()
"""


def test_a_user_without_a_password_uses_another_factor_or_signs_in_again(project):
    assert printed(project, WITHOUT_PASSWORD) == [
        *("302 /reauthenticate/?next=/sensitive/%3Fa%3D1", "302 /accounts/login/?next=/sensitive/%3Fa%3D1"),
        *("302 /accounts/2fa/reauthenticate/?next=/sensitive/%3Fa%3D1", "302 /sensitive/?a=1", "200 "),
    ]


def test_a_project_that_does_not_include_the_pages_of_allauth_uses_ours(host):
    extend(host, SETTINGS, URLS)
    run(host, sys.executable, "manage.py", "migrate", "-v0")
    assert printed(host, "force_login()\nasked()\n") == ["302 /reauthenticate/?next=/sensitive/%3Fa%3D1"]
