"""Each guarded view with each credential: whom it lets in, and with which code it refuses the others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Workspace
from tests.user_sessions.test_session_guards import FRESHNESS, ROUTES, call, call_with
from user_sessions.keys.trusted_keys import trusted_keys
from user_sessions.models import Definition, Epoch, JwtTemplate, SigningKey, Ticket, UserSession
from user_sessions.models.signing_keys import private_key
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.handshake_tokens import handshake_token
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token, template_token
from user_sessions.tokens.ticket_tokens import ticket_token
from user_sessions.verify.verifier import SESSION_TOKEN

pytestmark = pytest.mark.urls("tests.user_sessions.signed_in_views")

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Situation:
    """What the credentials of the table are made of."""

    workspace: Workspace
    elsewhere: Workspace
    user: User
    session: UserSession

    @cached_property
    def token(self) -> str:
        return session_token(self.session)

    @property
    def ticket(self) -> Ticket:
        return Ticket.objects.issue(self.workspace, self.user, actor="test", lifetime=HOUR)

    @property
    def template(self) -> JwtTemplate:
        return JwtTemplate.objects.define(self.workspace, Definition(name="maps", claims={"role": "x"}), actor="test")

    def started(self, workspace: Workspace | None = None, **how: Any) -> UserSession:
        return UserSession.objects.start(workspace or self.workspace, self.user, actor="test", **how)

    def after(self, change: Callable[[], Any]) -> str:
        """Return the token after a change of its session."""
        token = self.token
        change()
        return token

    def signed(self, *, alg: str | None = None, key: Any = None, **claims: Any) -> str:
        """Return the token with other claims, signed with the workspace's own key or another one."""
        kid = jwt.get_unverified_header(self.token)["kid"]
        ours, algorithm = private_key(kid)
        payload = jwt.decode(self.token, options={"verify_signature": False}) | claims
        return jwt.encode(
            payload, None if alg == "none" else key or ours, alg or algorithm, {"kid": kid, **SESSION_TOKEN}
        )


# What every view refuses, whatever its freshness: the credential, and the code.
REFUSED: dict[str, tuple[Callable[[Situation], str], str]] = {
    "nothing": (lambda a: "", "not_authenticated"),
    "no JWT": (lambda a: "garbage", "not_authenticated"),
    "two words": (lambda a: f"{a.token} {a.token}", "not_authenticated"),
    "an API key": (lambda a: ApiKey.objects.issue(a.workspace, name="x", actor="test")[1], "not_authenticated"),
    "a client session token": (
        lambda a: ClientSession.objects.start(a.workspace, actor="test").token,
        "not_authenticated",
    ),
    "a refresh token": (lambda a: refresh_token(a.session), "not_authenticated"),
    "a malformed JWT": (lambda a: "x.y.z", "invalid_session_token"),
    "a client token": (lambda a: client_token(a.session.client), "invalid_session_token"),
    "a template token": (lambda a: template_token(a.session, a.template), "invalid_session_token"),
    "a ticket": (lambda a: ticket_token(a.ticket, at=timezone.now()), "invalid_session_token"),
    "a handshake token": (lambda a: handshake_token(a.workspace, [], at=timezone.now()), "invalid_session_token"),
    "another workspace": (lambda a: session_token(a.started(a.elsewhere)), "invalid_session_token"),
    "another signature": (lambda a: a.token[:-8] + "AAAAAAAA", "invalid_session_token"),
    "without signature": (lambda a: a.token.rpartition(".")[0] + ".", "invalid_session_token"),
    "alg none": (lambda a: a.signed(alg="none"), "invalid_session_token"),
    "alg HS256 with the public id": (lambda a: a.signed(alg="HS256", key="x" * 40), "invalid_session_token"),
    "another issuer": (lambda a: a.signed(iss="https://elsewhere.example.com"), "invalid_session_token"),
    "an audience": (lambda a: a.signed(aud="another service"), "invalid_session_token"),
    "no session": (lambda a: a.signed(sid=""), "invalid_session_token"),
    "expired": (lambda a: session_token(a.session, at=timezone.now() - timedelta(minutes=1)), "session_token_expired"),
    "not yet valid": (
        lambda a: session_token(a.session, at=timezone.now() + timedelta(minutes=1)),
        "session_token_not_yet_valid",
    ),
    "pending": (lambda a: session_token(a.started(tasks=["terms"])), "session_pending"),
}

# What a view refuses that reads the row.
OVER: dict[str, tuple[Callable[[Situation], str], str]] = {
    "revoked": (lambda a: a.after(lambda: a.session.revoke(actor="test")), "session_revoked"),
    "signed out": (lambda a: a.after(lambda: a.session.end(actor="test")), "session_revoked"),
    "revoked by an epoch": (
        lambda a: a.after(lambda: Epoch.objects.begin(a.workspace, actor="test")),
        "session_revoked",
    ),
    "an inactive user": (lambda a: a.after(lambda: User.objects.update(is_active=False)), "session_revoked"),
    "another password": (lambda a: a.after(lambda: User.objects.update(password="new")), "session_revoked"),
    "expired early": (
        lambda a: a.after(lambda: UserSession.objects.update(expire_at=timezone.now() - HOUR)),
        "session_expired",
    ),
    "has a task": (lambda a: a.after(lambda: a.session.require("terms", actor="test")), "session_pending"),
    "deleted": (lambda a: a.after(lambda: UserSession.objects.all().delete()), "session_not_found"),
    "a deleted user": (lambda a: a.after(lambda: a.user.delete()), "session_not_found"),
    "made up by who has the key": (lambda a: a.signed(sid="sess_" + "1" * 27), "session_not_found"),
    "a revoked key": (
        lambda a: a.after(lambda: SigningKey.objects.filter(workspace=a.workspace).update(revoked_at=timezone.now())),
        "invalid_session_token",
    ),
}


@pytest.fixture
def situation(settings, workspace, elsewhere, u1, session) -> Situation:
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "DEFAULT_WORKSPACE": workspace.pk}
    made = Situation(workspace, elsewhere, u1, session)
    assert call_with(made.token, "plain/networkless").status_code == 200  # the keys are in the process
    return made


@pytest.fixture
def signed_in_to_django(u2: User) -> Client:
    browser = Client()
    browser.force_login(u2)
    return browser


def code_of(response: Any) -> str:
    detail: Any = getattr(response, "data", {}).get("detail")
    return str(detail.code if detail else response.json()["code"])


@pytest.mark.parametrize("credential", REFUSED)
def test_a_credential_that_is_not_a_valid_session_token_is_refused_by_every_view(situation, credential):
    make, code = REFUSED[credential]
    token = make(situation)
    for route in ROUTES:
        response = call_with(token, route)
        assert (route, response.status_code, code_of(response)) == (route, 401, code)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert token not in response.content.decode() or not token


# What counts as absent in the cookie, because it names neither our issuer nor one of our keys.
OF_ANOTHER_APP = {"another workspace", "a client token"}


@pytest.mark.parametrize("credential", REFUSED)
def test_the_cookie_is_checked_as_the_bearer_is(situation, credential):
    make, code = REFUSED[credential]
    token, code = make(situation), "not_authenticated" if credential in OF_ANOTHER_APP else code
    for route in ROUTES:
        response = call(route, cookies={"__session": token})
        assert (route, response.status_code, code_of(response)) == (route, 401, code)


# Cookies of other applications: the header, and the claims.
FOREIGN: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "a session token of Clerk": ({"kid": "ins_1", **SESSION_TOKEN}, {"iss": "https://clerk.example.com", "sid": "1"}),
    "another kind of token": ({"kid": "1"}, {"iss": "https://session.firebase.google.com/x"}),
    "no key id": ({}, {"iss": "https://elsewhere.example.com"}),
    "no issuer": ({}, {"user": 1}),
}


@pytest.mark.parametrize("cookie", FOREIGN)
def test_the_cookie_of_another_application_counts_as_absent(situation, signed_in_to_django, cookie):
    header, claims = FOREIGN[cookie]
    token = jwt.encode(claims, "x" * 40, "HS256", header)
    assert code_of(call("plain/strict", cookies={"__session": token})) == "not_authenticated"
    assert code_of(call_with(token, "plain/strict")) == "invalid_session_token"  # the caller chose to send it
    signed_in_to_django.cookies["__session"] = token
    assert signed_in_to_django.get("/either").json() == {"name": "u2"}


OURS = [name for name, (_, code) in REFUSED.items() if code != "not_authenticated" and name not in OF_ANOTHER_APP]


@pytest.mark.parametrize("credential", OURS)
def test_after_a_cookie_of_ours_is_refused_the_django_sign_in_does_not_decide(
    situation, signed_in_to_django, credential
):
    signed_in_to_django.cookies["__session"] = REFUSED[credential][0](situation)
    assert signed_in_to_django.get("/either").status_code == 401


def test_a_token_of_ours_whose_key_is_unknown_does_not_count_as_absent(situation):
    token = situation.signed()
    SigningKey.objects.update(revoked_at=timezone.now())
    trusted_keys.clear()
    assert code_of(call("plain/strict", cookies={"__session": token})) == "invalid_session_token"


@pytest.mark.parametrize("credential", OVER)
def test_a_session_that_is_over_is_refused_by_every_view_that_reads_its_row(situation, credential):
    make, code = OVER[credential]
    token = make(situation)
    for route in ROUTES:
        response = call_with(token, route)
        if route.endswith("networkless"):
            assert (route, response.status_code) == (route, 200)
            response = call_with(token, f"{route}?look")
        assert (route, response.status_code, code_of(response)) == (route, 401, code)


@pytest.mark.parametrize("route", ROUTES)
def test_a_token_in_the_query_or_another_header_is_no_credential(situation, route):
    assert call(f"{route}?token={situation.token}&__session={situation.token}").status_code == 401
    assert call(route, x_session_token=situation.token).status_code == 401
    assert call(route, authorization=f"Token {situation.token}").status_code == 401
    assert call(route, authorization=situation.token).status_code == 401


def test_a_user_whose_is_active_is_computed_is_refused(situation, monkeypatch):
    monkeypatch.setattr(User, "is_active", property(lambda user: False, lambda *_: None))
    assert [code_of(call_with(situation.token, f"plain/{each}")) for each in FRESHNESS[1:]] == ["session_revoked"] * 2
