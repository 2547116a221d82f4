"""Projects that require more than a password: the Frontend API does not bypass that."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded import embedded
from tests.hosts import migrate, run

pytestmark = embedded

QUICK = 'PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]\nALLOWED_HOSTS = ["*"]\n'

ALLAUTH = """
INSTALLED_APPS += ["allauth", "allauth.account", "allauth.mfa"]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
LOGIN_REDIRECT_URL = "/in"
"""
ALLAUTH_URLS = 'urlpatterns += [path("accounts/", include("allauth.urls"))]\n'
VERIFYING = 'ACCOUNT_EMAIL_VERIFICATION = "mandatory"\nACCOUNT_LOGIN_METHODS = {"email", "username"}\n'
BY_ADDRESS = 'ACCOUNT_EMAIL_VERIFICATION = "none"\nACCOUNT_LOGIN_METHODS = {"email"}\n'
DJANGO_OTP = 'INSTALLED_APPS += ["django_otp", "django_otp.plugins.otp_totp"]\n'

PERSON = """
from urllib.parse import urlencode
from django.contrib.auth.models import User
from django.test import Client
from sessions_core.models import Workspace
from user_sessions.models import UserSession, UserSessionPolicy

def begin():
    mine = Workspace.objects.create(name="Mine", is_sandbox=True)
    UserSessionPolicy.objects.create(workspace=mine, frontend_api="http://localhost")
    return User.objects.create_user("ann", "ann@example.com", "correct horse")

def page():
    return Client(headers={"host": "localhost", "origin": "http://localhost"})

def post(page, path, **form):
    answer = page.post("/v1/client/" + path, urlencode(form), "application/x-www-form-urlencoded")
    shown = answer.json()
    return answer.status_code, shown["errors"][0] if "errors" in shown else shown["response"]

def sign_in(identifier="ann", password="correct horse"):
    return post(page(), "sign_ins", strategy="password", identifier=identifier, password=password)
"""
SCRIPT = f"""
import django
django.setup()
{PERSON}
ann = begin()

def tried(identifier="ann", password="correct horse"):
    status, shown = sign_in(identifier, password)
    print(status, shown.get("long_message") or shown["status"])

def tried_in_two_steps(password="correct horse"):
    browser = page()
    _, begun = post(browser, "sign_ins", identifier="ann")
    answer = post(browser, f"sign_ins/{{begun['id']}}/attempt_first_factor", strategy="password", password=password)
    print(begun["supported_first_factors"], answer[0], answer[1].get("long_message") or answer[1]["status"])
"""

Project = Callable[..., Path]


@pytest.fixture
def project(host: Path) -> Project:
    """Return a function that adds lines to the project's settings and routes and migrates it."""

    def project(lines: str, urls: str = "") -> Path:
        extend(host, lines, urls)
        migrate(host, adds_apps=True)
        return host

    return project


def extend(host: Path, lines: str, urls: str) -> None:
    for name, more in (("settings", QUICK + lines), ("urls", urls)):
        with (host / "host" / f"{name}.py").open("a") as file:
            file.write(more)


def printed(project: Path, script: str) -> list[str]:
    return run(project, sys.executable, "-W", "ignore", "-c", SCRIPT + script).splitlines()


UNVERIFIED = "400 Verify your email address first."
FACTOR = "400 This account has a second factor, which cannot be entered here."
COMPLETE = "200 complete"
WRONG = "422 Password is incorrect. Try again."

VERIFY = """
from allauth.account.models import EmailAddress
tried(password="wrong")
tried()
tried_in_two_steps("wrong")
tried_in_two_steps()
EmailAddress.objects.create(user=ann, email="ann@example.com", verified=True)
EmailAddress.objects.create(user=ann, email="other@example.com")
tried()
tried("ann@example.com")
tried("other@example.com")
print(UserSession.objects.count())
"""


def test_with_mandatory_verification_an_unverified_address_is_refused_after_the_right_password(project):
    first = "[{'strategy': 'password'}] "
    assert printed(project(ALLAUTH + VERIFYING, ALLAUTH_URLS), VERIFY) == [
        *(WRONG, UNVERIFIED, first + WRONG, first + UNVERIFIED),
        *(COMPLETE, COMPLETE, UNVERIFIED, "2"),
    ]


ENROL = {
    "allauth": 'from allauth.mfa.totp.internal.auth import TOTP\nTOTP.activate(ann, "A" * 32)\n',
    "django_otp": (
        "from django_otp.plugins.otp_totp.models import TOTPDevice\n"
        "device = TOTPDevice.objects.create(user=ann, confirmed=False)\ntried()\n"
        "TOTPDevice.objects.update(confirmed=True)\n"
    ),
}
TICKET = """
from datetime import timedelta
from django.utils import timezone
from user_sessions.models import Ticket
from user_sessions.tokens.ticket_tokens import ticket_token
ticket = Ticket.objects.issue(Workspace.objects.get(), ann, actor="test", lifetime=timedelta(hours=1))
print(post(page(), "sign_ins", strategy="ticket", ticket=ticket_token(ticket, at=timezone.now()))[1]["status"])
"""


@pytest.mark.parametrize(
    ("app", "lines", "urls"),
    [("allauth", f'{ALLAUTH}ACCOUNT_EMAIL_VERIFICATION = "none"\n', ALLAUTH_URLS), ("django_otp", DJANGO_OTP, "")],
)
def test_a_second_factor_refuses_a_password_but_not_a_ticket(project, app, lines, urls):
    lines = printed(project(lines, urls), f"tried()\n{ENROL[app]}tried(password='wrong')\ntried()\n{TICKET}")
    assert lines[-4:] == [COMPLETE, WRONG, FACTOR, "complete"]


LEVELS = """
from datetime import timedelta
from user_sessions.tokens.ticket_tokens import ticket_token
from user_sessions.verify.form import parse

def by_ticket():
    ticket = Ticket.objects.issue(Workspace.objects.get(), ann, actor="test", lifetime=timedelta(hours=1))
    browser = page()
    shown = post(browser, "sign_ins", strategy="ticket", ticket=ticket_token(ticket, at=timezone.now()))[1]
    return browser, "sessions/" + shown["created_session_id"]

def reverified():
    browser, path = by_ticket()
    for level in ("second_factor", "multi_factor", "first_factor"):
        status, shown = post(browser, path + "/verify", level=level)
        if status == 200:
            proof = {"strategy": "password", "password": "correct horse"}
            status, shown = post(browser, path + "/verify/attempt_first_factor", **proof)
        token = browser.get("/v1/client").json()["response"]["sessions"][0]["last_active_token"]["jwt"]
        print(level, status, shown.get("long_message") or shown["status"], parse(token).payload["fva"][1])
"""


@pytest.mark.parametrize(
    ("app", "lines", "urls"),
    [("allauth", f'{ALLAUTH}ACCOUNT_EMAIL_VERIFICATION = "none"\n', ALLAUTH_URLS), ("django_otp", DJANGO_OTP, "")],
)
def test_a_second_factor_is_not_reverified_by_a_password(project, app, lines, urls):
    script = f"{TICKET}{LEVELS}\nreverified()\n{ENROL[app]}reverified()"
    lines = [line for line in printed(project(lines, urls), script) if "_factor " in line]
    assert lines == [
        *(f"{level} {COMPLETE} -1" for level in ("second_factor", "multi_factor", "first_factor")),
        *(f"{level} {FACTOR} -1" for level in ("second_factor", "multi_factor", "first_factor")),
    ]


PHONES = """
from allauth.account.adapter import DefaultAccountAdapter

class Adapter(DefaultAccountAdapter):
    def get_phone(self, user):
        return "+15550100", False
"""
OTHERS = """
from django.test import override_settings
for changed in (
    {"ACCOUNT_LOGIN_BY_CODE_REQUIRED": {"mfa"}},
    {"ACCOUNT_LOGIN_BY_CODE_REQUIRED": {"password"}},
    {"ACCOUNT_LOGIN_BY_CODE_REQUIRED": True},
    {"ACCOUNT_ADAPTER": "host.phones.Adapter", "ACCOUNT_SIGNUP_FIELDS": ["username*", "phone*"]},
):
    with override_settings(**changed):
        tried()
"""


def test_other_requirements_of_allauth_refuse_the_password(project):
    host = project(ALLAUTH, ALLAUTH_URLS)
    (host / "host" / "phones.py").write_text(PHONES)
    code, phone = "This account signs in with a code, which cannot be entered here.", "Verify your phone number first."
    assert printed(host, OTHERS) == [COMPLETE, f"400 {code}", f"400 {code}", f"400 {phone}"]


REVERIFY = """
from django.contrib.auth.signals import user_login_failed
failed = []
user_login_failed.connect(lambda **info: failed.append(info["credentials"]["username"]), weak=False)
tried("ann@example.com")
tried(" Ann@example.com ")
tried("ann")
browser = page()
_, begun = post(browser, "sign_ins", strategy="password", identifier="ann@example.com", password="correct horse")
path = f"sessions/{begun['created_session_id']}/verify"
post(browser, path, level="first_factor")
print(post(browser, path + "/attempt_first_factor", strategy="password", password="correct horse")[1]["status"])
print(failed)
"""


def test_with_allauth_an_address_and_the_correct_password_sign_in(project):
    lines = printed(project(ALLAUTH + BY_ADDRESS, ALLAUTH_URLS), REVERIFY)
    assert lines == [COMPLETE, COMPLETE, WRONG, "complete", "['ann']"]


CHECKED = """
import django, sys
django.setup()
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

def checked(*apps, **given):
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, *apps], USER_SESSIONS=given):
        print([message.id for message in run_checks() if message.id.startswith("user_sessions.")])

checked()
checked("multifactor")
checked("acme_two_factor", "django_otp_admin", "profiles")
checked("multifactor", SIGN_IN_REQUIREMENT="multifactor.missing")
checked("multifactor", SIGN_IN_REQUIREMENT="multifactor.misspelt")
"""


def test_a_check_warns_about_an_uncovered_second_factor(host):
    for app in ("multifactor", "acme_two_factor", "django_otp_admin", "profiles"):
        (host / app).mkdir()
        (host / app / "__init__.py").write_text("def missing(user, identifier, request):\n    return None\n")
    extend(host, ALLAUTH + DJANGO_OTP, ALLAUTH_URLS)
    warned, refused = "user_sessions.W003", "user_sessions.E010"
    answers = [[], [warned], [warned, warned], [], [refused]]
    lines = run(host, sys.executable, "-W", "ignore", "-c", CHECKED).splitlines()
    assert lines == [str(answer) for answer in answers]


OWN = f"""
from django.test import TestCase
{PERSON}
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time

class Login(TestCase):
    def setUp(self):
        self.ann = begin()

    def login(self):
        return self.client.post("/accounts/login/", {{"login": "ann", "password": "correct horse"}})

    def verify(self):
        EmailAddress.objects.create(user=self.ann, email="ann@example.com", verified=True, primary=True)

    def test_an_unverified_address_is_asked_for(self):
        self.assertRedirects(self.login(), "/accounts/confirm-email/")
        assert sign_in()[0] == 400
        assert "_auth_user_id" not in self.client.session

    def test_a_verified_one_is_enough(self):
        self.verify()
        self.assertRedirects(self.login(), "/in", fetch_redirect_response=False)
        assert sign_in()[0] == 200

    def test_a_code_is_asked_for(self):
        self.verify()
        TOTP.activate(self.ann, "A" * 32)
        self.assertRedirects(self.login(), "/accounts/2fa/authenticate/")
        assert sign_in()[0] == 400
        code = format_hotp_value(hotp_value("A" * 32, next(yield_hotp_counters_from_time())))
        answer = self.client.post("/accounts/2fa/authenticate/", {{"code": code}})
        self.assertRedirects(answer, "/in", fetch_redirect_response=False)
        assert UserSession.objects.get().amr == ["pwd", "otp", "mfa"]
"""


def test_the_projects_own_tests_pass_with_gatepass_installed(host):
    extend(host, ALLAUTH + VERIFYING, ALLAUTH_URLS)
    (host / "host" / "tests.py").write_text(OWN)
    run(host, sys.executable, "-W", "ignore", "manage.py", "test", "host")
