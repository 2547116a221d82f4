"""A project with allauth and an authenticator app: Clerk's browser SDK, unmodified, asks for the code."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.browsers import chromium
from tests.embedded import embedded, in_browser
from tests.hosts import environment_of, run
from tests.proxies import free_port
from tests.test_host_factors import ALLAUTH_URLS, MFA, extend
from tests.totp import SECRET, code_of
from tests.user_sessions.conftest import claims_of

pytestmark = [embedded, in_browser]

PASSWORD = "correct horse"

# A page of the project, and the folder with the SDK.
PAGE = """
from django.http import HttpResponse
from django.urls import re_path
from django.views.static import serve
urlpatterns += [
    path("page", lambda request: HttpResponse("<!doctype html><title>host</title>")),
    re_path("^sdk/(?P<path>.+)$", serve, {{"document_root": "{}"}}),
]
"""
SET_UP = f"""
import django, sys
django.setup()
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from sessions_core.models import Workspace
from user_sessions.clerk.cookies import publishable_key
from user_sessions.models import UserSessionPolicy
mine = Workspace.objects.create(name="Mine", is_sandbox=True)
UserSessionPolicy.objects.create(workspace=mine, frontend_api=sys.argv[1])
ann = User.objects.create_user("ann", "ann@example.com", {PASSWORD!r})
TOTP.activate(ann, {SECRET!r})
print(publishable_key(Workspace.objects.get()), *RecoveryCodes.activate(ann).generate_codes()[:1])
"""
AN_HOUR_LATER = """
import django
django.setup()
from datetime import timedelta
from django.db.models import F
from user_sessions.models import UserSession
hour = timedelta(hours=1)
UserSession.objects.update(verified_at=F("verified_at") - hour, second_factor_at=F("second_factor_at") - hour)
"""
COUNT = (
    "import django; django.setup(); from user_sessions.models import UserSession; print(UserSession.objects.count())"
)

LOAD = "async () => { await Clerk.load({ telemetry: false }); return Clerk.session ?? null }"
SIGN_IN = """
async ([identifier, password]) => {
  const attempt = await Clerk.client.signIn.create({ strategy: "password", identifier, password })
  return [attempt.status, attempt.supportedSecondFactors.map(({ strategy }) => strategy), Clerk.client.sessions.length]
}
"""
ENTER = """
async ([strategy, code]) => {
  try {
    const attempt = await Clerk.client.signIn.attemptSecondFactor({ strategy, code })
    if (attempt.status === "complete") await Clerk.setActive({ session: attempt.createdSessionId })
    return attempt.status
  } catch (error) {
    return error.errors[0].code
  }
}
"""
REVERIFY = """
async ([level, password, strategy, code]) => {
  const { session } = Clerk
  let verification = await session.startVerification({ level })
  const statuses = [verification.status]
  if (verification.status === "needs_first_factor") {
    verification = await session.attemptFirstFactorVerification({ strategy: "password", password })
    statuses.push(verification.status)
  }
  if (verification.status === "needs_second_factor") {
    verification = await session.attemptSecondFactorVerification({ strategy, code })
    statuses.push(verification.status)
  }
  return statuses
}
"""
TOKEN = "() => Clerk.session.getToken({ skipCache: true })"
MAY = "(reverification) => Clerk.session.checkAuthorization({ reverification })"


@pytest.fixture
def served(host: Path, browser_sdk: Path) -> Iterator[tuple[str, str, str]]:
    """Serve a project with allauth and one user. Yield its address, its publishable key and a recovery code."""
    extend(host, MFA, ALLAUTH_URLS + PAGE.format(browser_sdk))
    run(host, sys.executable, "manage.py", "migrate", "-v0")
    address = f"http://127.0.0.1:{free_port()}"
    publishable_key, recovery_code = run(host, sys.executable, "-W", "ignore", "-c", SET_UP, address).split()
    command = [sys.executable, "manage.py", "runserver", "--noreload", address.removeprefix("http://")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=host, env=environment_of(host), **quiet) as server:  # type: ignore[call-overload]
        try:
            while server.poll() is None and not answers(f"{address}/page"):
                pass
            yield address, publishable_key, recovery_code
        finally:
            server.terminate()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture
def sdk(served: tuple[str, str, str]) -> Iterator[Callable[..., Any]]:
    """Return a function that runs a script in a page with the SDK."""
    address, publishable_key, _ = served
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/page")
        keys = [publishable_key, address]
        page.evaluate("(keys) => { [window.__clerk_publishable_key, window.__clerk_proxy_url] = keys }", keys)
        page.add_script_tag(url=f"{address}/sdk/clerk.browser.js")
        assert page.evaluate(LOAD) is None
        yield page.evaluate


def ages(sdk: Callable[..., Any]) -> list[int]:
    found: list[int] = claims_of(sdk(TOKEN))["fva"]
    return found


@pytest.mark.wire("C204")
def test_the_browser_sdk_signs_in_and_reverifies_with_a_password_and_a_code(host, served, sdk):
    *_, recovery_code = served
    assert sdk(SIGN_IN, ["ann", PASSWORD]) == ["needs_second_factor", ["totp", "backup_code"], 0]
    assert sdk(ENTER, ["totp", "000000"]) == "form_code_incorrect"
    assert run(host, sys.executable, "-W", "ignore", "-c", COUNT) == "0\n"
    assert sdk(ENTER, ["totp", code_of()]) == "complete"
    assert ages(sdk) == [0, 0]

    run(host, sys.executable, "-W", "ignore", "-c", AN_HOUR_LATER)
    assert ages(sdk) == [60, 60]
    second = ["needs_second_factor", "complete"]
    assert sdk(REVERIFY, ["second_factor", PASSWORD, "totp", code_of(later=1)]) == second
    assert ages(sdk) == [60, 0]
    assert [sdk(MAY, name) for name in ("strict", "strict_mfa")] == [True, False]

    run(host, sys.executable, "-W", "ignore", "-c", AN_HOUR_LATER)
    both = ["needs_first_factor", *second]
    assert sdk(REVERIFY, ["multi_factor", PASSWORD, "backup_code", recovery_code]) == both
    assert ages(sdk) == [0, 0]
    assert [sdk(MAY, name) for name in ("strict", "strict_mfa")] == [True, True]
