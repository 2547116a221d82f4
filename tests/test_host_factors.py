"""Projects that require more than a password: the Frontend API asks for it, or refuses the sign-in."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded import apart
from tests.hosts import migrate, run

pytestmark = apart

UNLIMITED = 'USER_SESSIONS = {"RATES": {"password": None, "account": None}}\n'
QUICK = 'PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]\nALLOWED_HOSTS = ["*"]\n'

ALLAUTH = """
INSTALLED_APPS += ["allauth", "allauth.account", "allauth.mfa"]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
LOGIN_REDIRECT_URL = "/in"
"""
MFA = f'{ALLAUTH}ACCOUNT_EMAIL_VERIFICATION = "none"\nMFA_TOTP_TOLERANCE = 1\n'
ALLAUTH_URLS = 'urlpatterns += [path("accounts/", include("allauth.urls"))]\n'
VERIFYING = 'ACCOUNT_EMAIL_VERIFICATION = "mandatory"\nACCOUNT_LOGIN_METHODS = {"email", "username"}\n'
BY_ADDRESS = 'ACCOUNT_EMAIL_VERIFICATION = "none"\nACCOUNT_LOGIN_METHODS = {"email"}\n'
OTP_APPS = ["django_otp", "django_otp.plugins.otp_totp", "django_otp.plugins.otp_static", "django_otp.plugins.otp_hotp"]
DJANGO_OTP = f"INSTALLED_APPS += {OTP_APPS}\nOTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 0\n"

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


# What a user enrols in each app, and ``recovery``, a code to use once.
ENROL = {
    "allauth": """
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP

def enrol():
    TOTP.activate(ann, SECRET)

def enrol_recovery():
    return RecoveryCodes.activate(ann).generate_codes()[0]

def enrol_other():
    Authenticator.objects.create(user=ann, type="webauthn", data={})

def used():
    return [each.last_used_at is not None for each in Authenticator.objects.order_by("pk")]
""",
    "django_otp": """
from base64 import b32decode
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

def enrol():
    TOTPDevice.objects.create(user=ann, key=b32decode(SECRET).hex())

def enrol_recovery():
    return StaticDevice.objects.create(user=ann).token_set.create(token="spare123").token

def enrol_other():
    HOTPDevice.objects.create(user=ann)

def used():
    return [each.last_used_at is not None for kind in (TOTPDevice, StaticDevice) for each in kind.objects.all()]
""",
}
FACTORS = """
from tests.totp import SECRET, code_of

def begun():
    browser = page()
    status, shown = post(browser, "sign_ins", strategy="password", identifier="ann", password="correct horse")
    return browser, f"sign_ins/{shown['id']}/attempt_second_factor", shown

def entered(strategy, code, browser=None, path=""):
    if browser is None:
        browser, path, _ = begun()
    status, shown = post(browser, path, strategy=strategy, code=code)
    return status, shown.get("long_message") or shown["status"]
"""
HOSTS = pytest.mark.parametrize(
    ("app", "lines", "urls"),
    [("allauth", MFA + UNLIMITED, ALLAUTH_URLS), ("django_otp", DJANGO_OTP + UNLIMITED, "")],
    ids=list(ENROL),
)

SIGN_IN = """
tried()
enrol()
tried(password="wrong")
_, _, shown = begun()
print(shown["status"], shown["supported_second_factors"])
print(UserSession.objects.count())
print(entered("totp", "000000"))
print(entered("totp", code_of()), used())
print(entered("totp", code_of()))
print(entered("totp", code_of(later=1)))
print(entered("backup_code", "spare123"))
recovery = enrol_recovery()
print(begun()[2]["supported_second_factors"])
print(entered("totp", recovery))
print(entered("backup_code", recovery), used())
print(entered("backup_code", recovery))
print(UserSession.objects.exclude(second_factor_at=None).count(), UserSession.objects.count())
"""
BAD_CODE = (422, "Code is incorrect. Try again.")


@HOSTS
def test_a_second_factor_of_the_project_is_asked_for_and_each_code_works_once(project, app, lines, urls):
    assert printed(project(lines, urls), ENROL[app] + FACTORS + SIGN_IN) == [
        *(COMPLETE, WRONG, "needs_second_factor [{'strategy': 'totp'}]", "1"),
        *(f"{BAD_CODE}", "(200, 'complete') [True]", f"{BAD_CODE}", "(200, 'complete')"),
        "(400, 'This user has no such second factor.')",
        "[{'strategy': 'totp'}, {'strategy': 'backup_code'}]",
        *(f"{BAD_CODE}", "(200, 'complete') [True, True]", f"{BAD_CODE}", "3 4"),
    ]


OTHER = """
enrol_other()
tried()
recovery = enrol_recovery()
print(begun()[2]["supported_second_factors"], entered("backup_code", recovery))
"""


@HOSTS
def test_a_factor_that_cannot_be_entered_here_refuses_the_password(project, app, lines, urls):
    lines = printed(project(lines, urls), ENROL[app] + FACTORS + OTHER)
    assert lines == [FACTOR, "[{'strategy': 'backup_code'}] (200, 'complete')"]


UNCONFIRMED = "enrol()\nTOTPDevice.objects.update(confirmed=False)\ntried()"


def test_an_unconfirmed_device_is_not_a_factor(project):
    assert printed(project(DJANGO_OTP), ENROL["django_otp"] + FACTORS + UNCONFIRMED) == [COMPLETE]


LIMITED = """
enrol()
print([entered("totp", "000000") for _ in range(2)] == [(422, "Code is incorrect. Try again.")] * 2)
for _ in range(5):
    entered("totp", "000000")
print(entered("totp", code_of()))
"""


@pytest.mark.parametrize(
    ("app", "lines", "urls"),
    [
        ("allauth", MFA + UNLIMITED, ALLAUTH_URLS),
        ("django_otp", f"{DJANGO_OTP}{UNLIMITED}OTP_TOTP_THROTTLE_FACTOR = 60\n", ""),
    ],
    ids=list(ENROL),
)
def test_the_projects_own_limit_of_guesses_applies(project, app, lines, urls):
    lines = printed(project(lines, urls), ENROL[app] + FACTORS + LIMITED)
    assert lines == ["True", f"{BAD_CODE}"]


TICKET = """
from datetime import timedelta
from django.utils import timezone
from user_sessions.models import Ticket
from user_sessions.tokens.ticket_tokens import ticket_token
from user_sessions.verify.form import parse

def by_ticket():
    ticket = Ticket.objects.issue(Workspace.objects.get(), ann, actor="test", lifetime=timedelta(hours=1))
    browser = page()
    shown = post(browser, "sign_ins", strategy="ticket", ticket=ticket_token(ticket, at=timezone.now()))[1]
    return browser, "sessions/" + shown["created_session_id"]
"""
LEVELS = """
def reverified(later=()):
    browser, path = by_ticket()
    for level in ("first_factor", "second_factor", "multi_factor"):
        status, shown = post(browser, path + "/verify", level=level)
        seen = []
        while "needs" in (shown.get("status") or ""):
            seen.append(shown["status"])
            which = "first" if "first" in shown["status"] else "second"
            proof = {"strategy": "password", "password": "correct horse"}
            if which == "second":
                proof = {"strategy": "backup_code", "code": codes.pop()}
            status, shown = post(browser, f"{path}/verify/attempt_{which}_factor", **proof)
        token = browser.get("/v1/client").json()["response"]["sessions"][0]["last_active_token"]["jwt"]
        print(level, seen, shown["status"], parse(token).payload["fva"])

codes = []
reverified()
enrol()
"""
CODES = {
    "allauth": "codes = RecoveryCodes.activate(ann).generate_codes()\n",
    "django_otp": (
        "device = StaticDevice.objects.create(user=ann)\n"
        "codes = [device.token_set.create(token=token).token for token in ('one', 'two', 'three')]\n"
    ),
}


@HOSTS
def test_a_reverification_asks_for_the_second_factor_of_the_project(project, app, lines, urls):
    script = ENROL[app] + FACTORS + TICKET + LEVELS + CODES[app] + "reverified()"
    first, second = "needs_first_factor", "needs_second_factor"
    assert printed(project(lines, urls), script) == [
        *(f"{level} {[first]} complete [0, -1]" for level in ("first_factor", "second_factor", "multi_factor")),
        f"first_factor {[first, second]} complete [0, 0]",
        f"second_factor {[second]} complete [0, 0]",
        f"multi_factor {[first, second]} complete [0, 0]",
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
        assert sign_in()[1]["status"] == "needs_second_factor"
        code = format_hotp_value(hotp_value("A" * 32, next(yield_hotp_counters_from_time())))
        answer = self.client.post("/accounts/2fa/authenticate/", {{"code": code}})
        self.assertRedirects(answer, "/in", fetch_redirect_response=False)
        assert UserSession.objects.get().amr == ["pwd", "otp", "mfa"]
"""


def test_the_projects_own_tests_pass_with_gatepass_installed(host):
    extend(host, ALLAUTH + VERIFYING, ALLAUTH_URLS)
    (host / "host" / "tests.py").write_text(OWN)
    run(host, sys.executable, "-W", "ignore", "manage.py", "test", "host")
