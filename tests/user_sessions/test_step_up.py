"""Views that require a recent authentication: which callers they admit, and what they answer to the others."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client, RequestFactory
from django.utils import timezone
from rest_framework.exceptions import APIException

from sessions_core.models import Workspace
from tests.pages import blocks
from tests.user_sessions import django_project, step_up_pages
from user_sessions.exceptions import SessionTokenMissing
from user_sessions.guards import refusal_response
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import UserSession
from user_sessions.permissions import verified_within_permission
from user_sessions.step_up import Standing, standing_of, verified_within
from user_sessions.tokens.session_tokens import session_token
from user_sessions.verify.session_claims import session_claims

MINUTE = timedelta(minutes=1)
NOW = timezone.now().replace(microsecond=0)
OPERATOR = {"sub": "operator:1"}
HINT = {
    "type": "forbidden",
    "reason": "reverification-error",
    "metadata": {"reverification": {"level": "first_factor", "afterMinutes": 10}},
}
CHALLENGE = (
    'Bearer error="insufficient_user_authentication", '
    'error_description="More recent authentication is required", max_age=600'
)
JSON = {"accept": "application/json"}
PAGES = ["/page/", "/page/asynchronous/", "/page/of-class/", "/page/of-asynchronous-class/"]


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace) -> None:
    settings.ROOT_URLCONF = step_up_pages.__name__
    settings.MIDDLEWARE = django_project.MIDDLEWARE
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    settings.LOGIN_URL = "/login/"
    settings.ALLOWED_HOSTS = ["*"]


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


def aged(minutes: float) -> None:
    UserSession.objects.update(verified_at=timezone.now() - minutes * MINUTE)


def signed_in(user: User, *, minutes: float = 0, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(user)
    aged(minutes)
    return client


def adopted(user: User) -> Client:
    """Return a browser that signed in before the installation."""
    client = Client()
    session = client.session
    session[USER_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    client.cookies["sessionid"] = session.session_key
    return client


def with_token(user: User, *, minutes: float = 0, **facts: Any) -> Client:
    at = timezone.now()
    session = UserSession.objects.start(Workspace.objects.get(), user, actor="test", at=at, **facts)
    UserSession.objects.update(verified_at=at - minutes * MINUTE)
    session.refresh_from_db()
    return Client(headers={"authorization": f"Bearer {session_token(session, at=at)}"})


@dataclass(frozen=True)
class Row:
    caller: Callable[[User], Client]
    page: tuple[int, str]
    script: tuple[int, str]
    rest: tuple[int, str]


DONE, STALE, IMPERSONATED = (200, ""), (403, "reverification_required"), (403, "impersonated")
REAUTHENTICATE, LOG_IN = (302, "/reauthenticate/?next=/page/"), (302, "/login/?next=/page/")

TABLE = {
    "a fresh sign-in": Row(lambda ann: signed_in(ann), DONE, DONE, DONE),
    "a sign-in within the time": Row(lambda ann: signed_in(ann, minutes=9.9), DONE, DONE, DONE),
    "an old sign-in": Row(lambda ann: signed_in(ann, minutes=10.1), REAUTHENTICATE, STALE, STALE),
    "an adopted session": Row(adopted, REAUTHENTICATE, STALE, STALE),
    "a fresh token": Row(lambda ann: with_token(ann), DONE, DONE, DONE),
    "a token within the time": Row(lambda ann: with_token(ann, minutes=8.5), DONE, DONE, DONE),
    "a token with an old fva": Row(lambda ann: with_token(ann, minutes=10.1), STALE, STALE, STALE),
    "a fresh impersonation": Row(
        lambda ann: with_token(ann, impersonator=OPERATOR), IMPERSONATED, IMPERSONATED, IMPERSONATED
    ),
    "nobody": Row(lambda ann: Client(), LOG_IN, (401, "not_authenticated"), (403, "")),
}


def result_of(response: Any) -> tuple[int, str]:
    if response.status_code == 302:
        return 302, response.headers["location"]
    is_json = response.headers["content-type"] == "application/json"
    return response.status_code, response.json().get("code", "") if is_json and response.status_code > 200 else ""


@pytest.mark.promise("P31")
@pytest.mark.parametrize("case", TABLE)
def test_each_caller_in_a_browser(ann, case):
    assert result_of(TABLE[case].caller(ann).get("/page/")) == TABLE[case].page


@pytest.mark.parametrize("case", TABLE)
def test_each_caller_in_a_script(ann, case):
    assert result_of(TABLE[case].caller(ann).get("/page/", headers=JSON)) == TABLE[case].script


@pytest.mark.parametrize("case", TABLE)
def test_each_caller_of_a_rest_view(ann, case):
    response = TABLE[case].caller(ann).get("/rest/")
    assert response.status_code == TABLE[case].rest[0]
    assert ("clerk_error" in response.json()) == (TABLE[case].rest == STALE)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("minutes", "status"), [(9.9, 200), (10.1, 302)])
def test_views_of_each_kind_are_guarded(ann, path, minutes, status):
    assert signed_in(ann, minutes=minutes).get(path).status_code == status


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("minutes", "status"), [(9.9, 200), (10.1, 302)])
def test_views_of_each_kind_are_guarded_in_an_asynchronous_server(ann, path, minutes, status):
    client = AsyncClient()
    async_to_sync(client.aforce_login)(ann)
    aged(minutes)
    assert async_to_sync(client.get)(path).status_code == status


@pytest.mark.parametrize("path", ["/page/", "/rest/"])
def test_a_token_that_is_too_old_gets_the_hint_of_clerk_and_the_challenge_of_rfc_9470(ann, path):
    refused = with_token(ann, minutes=11).get(path)
    assert refused.json() == {
        "detail": "Re-authenticate to continue.",
        "code": "reverification_required",
        "clerk_error": HINT,
    }
    assert refused.headers["WWW-Authenticate"] == CHALLENGE
    assert "no-store" in refused.headers["Cache-Control"]
    assert {"Authorization", "Cookie"} <= set(refused.headers["Vary"].replace(" ", "").split(","))


def test_the_rest_answer_has_a_code_and_a_text_everywhere_where_exception_handlers_look(ann):
    request = SimpleNamespace(auth=None, user=ann, user_session=None, _request=SimpleNamespace(), parser_context={})
    with pytest.raises(APIException) as refused:
        verified_within_permission(minutes=10)().has_permission(request, None)
    assert refused.value.get_codes()["clerk_error"]["reason"] == "reverification_required"
    assert refused.value.get_full_details()["detail"]["message"] == "Re-authenticate to continue."


def test_an_anonymous_script_gets_the_response_of_the_other_guards(ann):
    response, missing = Client().get("/page/", headers=JSON), refusal_response(SessionTokenMissing())
    assert (response.status_code, response.content) == (401, missing.content)
    assert {name: response.headers[name] for name in missing.headers} == missing.headers
    assert response.json()["detail"] == "Sign in to continue."


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, 302),
        ({"accept": "text/html", "sec-fetch-mode": "navigate"}, 302),
        ({"accept": "*/*"}, 302),
        ({"accept": "application/json, text/plain, */*"}, 403),
        ({"accept": "image/png"}, 403),
        ({"accept": "*/*", "sec-fetch-mode": "cors"}, 403),
        ({"accept": "text/html", "sec-fetch-mode": "same-origin"}, 403),
    ],
)
def test_a_script_is_not_redirected_to_a_form(ann, headers, status):
    assert signed_in(ann, minutes=11).get("/page/", headers=headers).status_code == status


def test_the_redirect_names_the_page_with_its_query(ann):
    response = signed_in(ann, minutes=11).get("/page/?a=1&b=%2F")
    assert response.headers["location"] == "/reauthenticate/?next=/page/%3Fa%3D1%26b%3D%252F"


@pytest.mark.parametrize(
    ("referer", "location"),
    [
        ("http://testserver/private/?a=1", "/reauthenticate/?next=http%3A//testserver/private/%3Fa%3D1"),
        ("http://evil.example/", "/reauthenticate/"),
        ("javascript:alert(1)", "/reauthenticate/"),
        ("//evil.example/", "/reauthenticate/"),
        ("", "/reauthenticate/"),
    ],
)
def test_a_form_returns_to_its_own_page(ann, referer, location):
    response = signed_in(ann, minutes=11).post("/page/", headers={"referer": referer})
    assert response.headers["location"] == location


@pytest.mark.promise("P31")
def test_the_session_of_another_user_is_no_proof(ann):
    """A browser may have a fresh session of one user, and send a credential of another."""
    bob = User.objects.create_user("bob")
    assert signed_in(bob).get("/rest/", headers={"authorization": "Name bob"}).status_code == 200
    assert signed_in(bob).get("/rest/", headers={"authorization": "Name ann"}).status_code == 403
    request = SimpleNamespace(user=ann, user_session=UserSession.objects.filter(user=bob).first())
    assert standing_of(request, 10) == Standing.STALE


def test_a_user_without_a_user_session_re_authenticates(ann, settings):
    settings.USER_SESSIONS = {"ADOPT_DJANGO_SESSIONS": False}
    assert result_of(adopted(ann).get("/page/")) == REAUTHENTICATE


def test_the_proof_of_a_session_that_is_over_is_void(ann):
    client = signed_in(ann)
    UserSession.objects.get().revoke(actor="test")
    assert result_of(client.get("/page/")) == LOG_IN


def request_with(fva: list[int] | None, *, issued: timedelta) -> Any:
    """Return a request whose verified token was issued at this time before NOW."""
    ages = [None if age == -1 else age * MINUTE for age in fva or [-1, -1]]
    at = int((NOW - issued).timestamp())
    payload = {"sub": "user_1", "sid": "sess_1", "jti": "1", "iss": "https://a.example", "iat": at, "nbf": at}
    claims = session_claims({**payload, "exp": at + 60, **({"fva": fva} if fva else {})})
    assert (claims.first_factor_age, claims.second_factor_age) == tuple(ages)
    return SimpleNamespace(auth=claims)


@pytest.mark.parametrize(
    ("fva", "issued", "standing"),
    [
        ([0, -1], timedelta(0), Standing.VERIFIED),
        ([0, -1], timedelta(seconds=59), Standing.VERIFIED),
        ([9, -1], timedelta(0), Standing.VERIFIED),
        # The age is rounded down, so it may be ten minutes and more now.
        ([9, -1], timedelta(seconds=1), Standing.STALE),
        ([8, -1], timedelta(seconds=60), Standing.VERIFIED),
        ([8, -1], timedelta(seconds=61), Standing.STALE),
        ([0, -1], timedelta(minutes=10), Standing.STALE),
        # A token of a server whose clock is ahead does not make up for its age.
        ([10, -1], timedelta(seconds=-5), Standing.STALE),
        ([9, -1], timedelta(seconds=-5), Standing.VERIFIED),
        ([-1, -1], timedelta(0), Standing.STALE),
        ([-1, 0], timedelta(0), Standing.STALE),
        ([253_402_300_799, -1], timedelta(0), Standing.STALE),
        (None, timedelta(0), Standing.STALE),
    ],
)
def test_the_age_of_a_token_is_rounded_up(fva, issued, standing):
    assert standing_of(request_with(fva, issued=issued), 10, at=NOW) == standing


@pytest.mark.promise("P31")
@pytest.mark.parametrize("seconds", [0.5, 29.5, 59.5, 119.5, 300.5])
@pytest.mark.parametrize("later", [0, 30, 59])
def test_no_token_is_accepted_later_than_the_session_itself(workspace, ann, seconds, later):
    session = UserSession.objects.start(workspace, ann, actor="test", at=NOW)
    issued = NOW + timedelta(seconds=seconds)
    asked = issued + timedelta(seconds=later)
    token = session_token(session, at=issued)
    claims = verifier_of(workspace, at=issued).authentic(token)
    if standing_of(SimpleNamespace(auth=claims), 2, at=asked) == Standing.VERIFIED:
        assert asked - session.verified_at <= 2 * MINUTE


def test_the_shortest_time_admits_a_token_for_its_whole_life(workspace, ann):
    session = UserSession.objects.start(workspace, ann, actor="test", at=NOW)
    token = session_token(session, at=NOW)
    claims = verifier_of(workspace, at=NOW).authentic(token)
    assert standing_of(SimpleNamespace(auth=claims), 2, at=NOW + timedelta(seconds=60)) == Standing.VERIFIED


def test_a_token_costs_no_query_and_a_page_the_query_of_its_session(ann, django_assert_num_queries):
    token, client = with_token(ann), signed_in(ann)
    request = SimpleNamespace(auth=step_up_pages.claims_in(token.get("/page/").wsgi_request))
    with django_assert_num_queries(0):
        assert standing_of(request, 10) == Standing.VERIFIED
    with django_assert_num_queries(2):  # the Django session, and the user session with its user
        assert client.get("/page/of-class/").status_code == 200


@pytest.mark.parametrize("minutes", [0, 1, -10, True, 2.5, "10", None, timedelta(minutes=10), 10**9])
def test_other_times_are_refused_where_the_view_is_written(minutes):
    for guard in (verified_within, verified_within_permission):
        with pytest.raises(ValueError, match="minutes must be an integer between 2 and"):
            guard(minutes=minutes)


def test_a_project_without_the_middleware_learns_it(ann):
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with pytest.raises(ImproperlyConfigured, match="UserSessionMiddleware"):
        verified_within(minutes=10)(lambda request: None)(request)


def test_a_decorated_view_keeps_its_name_and_marks():
    def view(request: Any) -> None: ...

    view.csrf_exempt = True
    decorated = verified_within(minutes=10)(view)
    assert (decorated.__name__, decorated.csrf_exempt) == ("view", True)


def test_the_views_of_the_documentation_are_guarded(ann, rf):
    names: dict[str, Any] = {}
    for block in blocks("step-up.md", "python"):
        exec(compile(block, "step-up.md", "exec"), names)
    for view, request in ((names["export"], rf.get("/")), (names["Export"].as_view(), rf.post("/"))):
        request.user = request._force_auth_user = ann
        for minutes, status in ((0, 200), (11, 403)):
            request.user_session = UserSession(user=ann, verified_at=timezone.now() - minutes * MINUTE)
            request.META["HTTP_ACCEPT"] = "application/json"
            assert view(request).status_code == status


def test_a_page_of_a_project_records_what_it_checked_as_the_documentation_shows(ann, rf):
    *_, own = blocks("step-up.md", "python")
    names: dict[str, Any] = {}
    exec(compile(own, "step-up.md", "exec"), names)
    client = signed_in(ann, minutes=11)
    request = rf.get("/")
    request.user_session = UserSession.objects.get()
    names["confirmed"](request)
    assert client.get("/page/").status_code == 200


def test_the_documentation_shows_the_answer(ann):
    (shown,) = blocks("step-up.md", "http")
    head, _, body = shown.partition("\n\n")
    refused = with_token(ann, minutes=11).get("/page/")
    assert json.loads(body) == refused.json()
    assert f"WWW-Authenticate: {refused.headers['WWW-Authenticate']}" in head
