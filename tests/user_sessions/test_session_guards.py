"""Guards of a host's own views: who is signed in by a session token, and what that costs."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, transaction
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_core.models import AllowedOrigin, NoDefaultWorkspace, Workspace
from tests.policies import create_workspace, set_user_session_policy
from user_sessions.exceptions import SessionTokenRefused
from user_sessions.guards import authenticate_request
from user_sessions.models import SigningKey, UserSession
from user_sessions.tokens.cookie_names import cookie_suffix, publishable_key
from user_sessions.tokens.session_tokens import session_token

pytestmark = pytest.mark.urls("tests.user_sessions.signed_in_views")

APP = "https://app.example.com"
KINDS = ["plain", "later", "rest"]
FRESHNESS = ["networkless", "cached", "strict"]
ROUTES = [f"{kind}/{freshness}" for kind in KINDS for freshness in FRESHNESS]


def call(path: str, method: str = "GET", cookies: dict[str, str] | None = None, **headers: str) -> Any:
    """Send a request as a browser does, with CSRF checks."""
    asynchronous = path.startswith("later")
    client: Any = (AsyncClient if asynchronous else Client)(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies.load(cookies or {})
    headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def later() -> Any:
        return await client.generic(method, f"/{path}", headers=headers)

    return async_to_sync(later)() if asynchronous else client.generic(method, f"/{path}", headers=headers)


def call_with(token: str, path: str, **more: Any) -> Any:
    return call(path, authorization=f"Bearer {token}", **more)


@pytest.fixture
def token(session: UserSession) -> str:
    return session_token(session)


@pytest.fixture
def cookie(workspace: Workspace, session: UserSession) -> str:
    AllowedOrigin.objects.create(workspace=workspace, origin=APP)
    return session_token(session, authorized_party=APP)


@pytest.mark.parametrize("route", ROUTES)
def test_a_bearer_token_signs_its_user_in(session, token, route):
    response = call_with(token, f"{route}?look")
    assert response.status_code == 200, response.content
    assert response.json() == {"user": session.user_id, "session": session.pk, "by": None, "name": "u1"}
    assert response.headers["Cache-Control"] == "private, no-store"
    assert {"Authorization", "Cookie"} <= set(response.headers["Vary"].replace(" ", "").split(","))


@pytest.mark.parametrize("route", ROUTES)
def test_an_impersonation_is_visible_in_the_claims(workspace, u1, route):
    session = UserSession.objects.start(workspace, u1, actor="test", impersonator={"sub": "ann"})
    assert call_with(session_token(session), route).json()["by"] == {"sub": "ann"}


@pytest.mark.parametrize("route", ROUTES)
def test_the_cookie_signs_its_user_in(session, cookie, route):
    assert call(route, cookies={"__session": cookie}).json()["session"] == session.pk


@pytest.mark.parametrize("kind", KINDS)
def test_the_suffixed_cookie_of_the_workspace_wins(workspace, session, cookie, kind):
    suffixed = f"__session_{cookie_suffix(publishable_key(workspace))}"
    cookies = {"__session": "x.y.z", suffixed: cookie, "__session_another1": "x.y.z"}
    assert call(f"{kind}/strict", cookies=cookies).json()["session"] == session.pk


@pytest.mark.parametrize("kind", KINDS)
def test_a_bearer_takes_precedence_over_the_cookie(workspace, u2, cookie, kind):
    other = UserSession.objects.start(workspace, u2, actor="test")
    cookies = {"__session": cookie}
    assert call_with(session_token(other), f"{kind}/strict", cookies=cookies).json()["session"] == other.pk
    assert call_with("garbage", f"{kind}/strict", cookies=cookies).status_code == 401


# Pages


@pytest.mark.promise("P32")
@pytest.mark.parametrize("route", ROUTES)
def test_a_change_with_the_cookie_needs_the_csrf_token_and_one_with_a_bearer_does_not(token, cookie, route):
    secret = "a" * 32
    refused = call(route, "POST", cookies={"__session": cookie})
    assert refused.status_code == 403
    cookies = {"__session": cookie, "csrftoken": secret}
    assert call(route, "POST", cookies=cookies, x_csrftoken=secret).status_code == 200
    assert call(route, "POST", cookies=cookies, x_csrftoken="b" * 32).status_code == 403
    assert call_with(token, route, method="POST", cookies=cookies).status_code == 200


@pytest.mark.promise("P32")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("https://here.example.com", 200),  # the Frontend API
        ("http://testserver", 200),  # this host
        ("http://localhost:3000", 200),  # the workspace is a sandbox
        ("https://testserver", 401),
        ("https://evil.example.com", 401),
        (None, 401),
    ],
)
def test_the_cookie_must_have_been_issued_for_a_page_of_ours(session, cookie, kind, page, status):
    of_page = session_token(session, authorized_party=page)
    assert call(f"{kind}/networkless", cookies={"__session": of_page}).status_code == status
    assert call_with(of_page, f"{kind}/networkless").status_code == 200


@pytest.mark.parametrize("secure", [True, False])
def test_a_proxy_may_add_the_default_port(settings, session, secure):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    scheme, port = ("https", 443) if secure else ("http", 80)
    cookie = session_token(session, authorized_party=f"{scheme}://testserver")
    behind = {"host": f"testserver:{port}", "x_forwarded_proto": scheme}
    assert call("plain/networkless", cookies={"__session": cookie}, **behind).status_code == 200


def test_a_page_on_the_developers_machine_is_refused_by_a_live_workspace(live_workspace, u1):
    session = UserSession.objects.start(live_workspace, u1, actor="test")
    cookie = session_token(session, authorized_party="http://localhost:3000")
    assert call("plain/networkless", cookies={"__session": cookie}).json()["code"] == "wrong_origin"


def test_an_origin_works_as_soon_as_it_is_listed(workspace, session):
    cookie = session_token(session, authorized_party=APP)
    call("plain/networkless", cookies={"__session": cookie.rpartition(".")[0] + ".AAAA"})
    AllowedOrigin.objects.create(workspace=workspace, origin=APP)
    assert call("plain/networkless", cookies={"__session": cookie}).status_code == 200


# Cost


def queries(path: str, token: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        response = call_with(token, path)
    assert response.status_code == 200, response.content
    return len(asked)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("freshness", "expected"), [("networkless", 0), ("cached", 0), ("strict", 1)])
def test_queries_of_a_warm_process(token, kind, freshness, expected):
    call_with(token, f"{kind}/{freshness}")
    assert queries(f"{kind}/{freshness}", token) == expected


@pytest.mark.parametrize("route", ROUTES)
def test_a_view_that_looks_at_the_user_costs_one_query(token, route):
    call_with(token, route)
    assert queries(f"{route}?look", token) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_session_costs_a_cached_view_one_query(session, token, u1, workspace, kind):
    call_with(token, f"{kind}/networkless")
    other = session_token(UserSession.objects.start(workspace, u1, actor="test"))
    assert [queries(f"{kind}/cached", each) for each in (token, other, token, other)] == [1, 1, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_token_costs_no_query(token, kind):
    call_with(token, f"{kind}/strict")
    forged = token.rpartition(".")[0] + ".AAAA"
    with CaptureQueriesContext(connection) as asked:
        assert call_with(forged, f"{kind}/strict").status_code == 401
    assert len(asked) == 0


# Revocation


@pytest.mark.promise("P30")
@pytest.mark.parametrize("kind", KINDS)
def test_a_revoked_session_is_refused_as_late_as_the_view_says(session, token, kind):
    for freshness in FRESHNESS:
        call_with(token, f"{kind}/{freshness}")
    session.revoke(actor="test")
    # ``strict`` comes last: what it finds is known to the process.
    assert [call_with(token, f"{kind}/{each}").status_code for each in FRESHNESS] == [200, 200, 401]
    assert [call_with(token, f"{kind}/{each}").status_code for each in FRESHNESS] == [200, 401, 401]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("freshness", ["networkless", "cached"])
def test_a_view_that_looks_at_the_user_of_a_session_that_is_over_answers_401(session, token, kind, freshness):
    path = f"{kind}/{freshness}"
    call_with(token, path)
    session.revoke(actor="test")
    for look in ("look", "session"):
        response = call_with(token, f"{path}?{look}")
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("freshness", FRESHNESS)
def test_a_revoked_signing_key_is_refused_as_late_as_the_view_says(session, token, freshness):
    call_with(token, "plain/cached")
    SigningKey.objects.update(revoked_at=timezone.now())  # as another process does it
    status = 401 if freshness == "strict" else 200
    assert call_with(token, f"plain/{freshness}").status_code == status


def test_the_first_version_of_the_claims_is_never_networkless(settings, session, django_assert_num_queries):
    settings.USER_SESSIONS = {"SESSION_TOKEN_VERSION": 1}
    token = session_token(session)
    call_with(token, "plain/networkless")
    session.require("terms", actor="test")
    assert call_with(token, "plain/strict").json()["code"] == "session_pending"
    assert call_with(token, "plain/networkless").json()["code"] == "session_pending"


# The host


@pytest.mark.parametrize("kind", KINDS)
def test_the_user_is_lazy_and_knows_what_the_token_proves(rf, session, token, django_assert_num_queries, kind):
    request = rf.get("/", headers={"authorization": f"Bearer {token}"})
    user: Any = authenticate_request(request, freshness="networkless").user
    with django_assert_num_queries(0):
        assert user and user.is_authenticated and not user.is_anonymous
        assert user.pk == user.id == session.user_id
    with django_assert_num_queries(1):
        assert (user.username, user, isinstance(user, type(session.user))) == ("u1", session.user, True)
        assert request.user_session == session


def test_errors_of_rest_views_are_in_the_format_of_the_host(db):
    response = call_with("x.y.z", "rest/strict")
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (response.json(), response.data["detail"].code) == (
        {"detail": "The session token is invalid."},
        "invalid_session_token",
    )


def test_restrictive_defaults_of_the_host_change_nothing(settings, token):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
        "DEFAULT_THROTTLE_RATES": {"user": "1/minute"},
        "UNAUTHENTICATED_USER": None,
        "UNAUTHENTICATED_TOKEN": None,
    }
    assert call_with(token, "rest/networkless").status_code == 200
    assert call("rest/networkless").status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_required_project_lets_the_token_in(settings, token, kind):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert call_with(token, f"{kind}/strict").status_code == 200
    assert call("members").status_code == 302


@pytest.mark.parametrize("kind", ["plain", "rest"])
def test_the_token_decides_and_not_the_login_of_the_browser(settings, session, token, u2, kind):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "user_sessions.middleware.UserSessionMiddleware"]
    browser = Client(headers={"authorization": f"Bearer {token}"})
    browser.force_login(u2)
    for freshness in FRESHNESS:
        answer = browser.get(f"/{kind}/{freshness}?look&session").json()
        assert (answer["user"], answer["session"], answer["name"]) == (session.user_id, session.pk, "u1")
    assert browser.get("/members").wsgi_request.user == u2


def test_several_workspaces_need_a_default(settings, workspace, session, token):
    other = create_workspace(name="Other")
    with pytest.raises(NoDefaultWorkspace):
        authenticate_request(RequestFactory().get("/", headers={"authorization": f"Bearer {token}"}))
    for default, status in ((workspace, 200), (other, 401)):
        settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "DEFAULT_WORKSPACE": str(default.pk)}
        assert call_with(token, "plain/strict").status_code == status


def test_a_project_without_a_workspace_refuses_every_token_and_creates_none(db):
    assert [call_with("x.y.z", f"{kind}/networkless").status_code for kind in KINDS] == [401, 401, 401]
    assert not Workspace.objects.exists()


def test_another_address_of_the_workspace_works_at_once(workspace, session, token):
    call_with(token, "plain/networkless")
    set_user_session_policy(workspace, frontend_api="https://there.example.com")
    moved = session_token(UserSession.objects.get())
    assert call_with(moved, "plain/networkless").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_what_a_view_wrote_before_it_was_refused_is_rolled_back(monkeypatch, session, token):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    call_with(token, "plain/networkless")
    session.revoke(actor="test")
    assert (call_with(token, "written").status_code, Group.objects.count()) == (401, 0)


def test_a_guarded_view_may_require_a_recent_authentication(session, token):
    assert call_with(token, "transfer").status_code == 200
    UserSession.objects.update(verified_at=timezone.now() - timedelta(hours=1))
    refused = call_with(session_token(UserSession.objects.get()), "transfer")
    assert (refused.status_code, refused.json()["code"]) == (403, "reverification_required")


@pytest.mark.parametrize("path", ["rendered", "later/rendered"])
def test_a_template_may_look_at_the_user(session, token, path):
    response = call_with(token, path)
    assert (response.content, response.headers["Cache-Control"]) == (b"Hello u1", "private, no-store")
    session.revoke(actor="test")
    refused = call_with(token, path)
    assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")


@pytest.mark.parametrize("freshness", ["networkless", "cached"])
def test_the_browsable_api_may_look_at_the_user(session, token, freshness):
    path = f"browsable/{freshness}"
    assert b"u1" in call_with(token, path).content
    session.revoke(actor="test")
    refused = call_with(token, path)
    assert (refused.status_code, refused.headers["Cache-Control"]) == (401, "private, no-store")
    assert b"The session is over." in refused.content


@pytest.mark.parametrize("path", ["page", "later/page", "later/logged", "later/wrapped"])
def test_a_class_can_be_guarded(session, token, cookie, path):
    for method in ("GET", "POST"):
        assert call_with(token, path, method=method).json()["session"] == session.pk
        assert call(path, method).status_code == 401
    assert call(path, "POST", cookies={"__session": cookie}).status_code == 403
    assert call_with(token, path, method="PUT").status_code == 405


# Headers that callers make up. A header is latin-1, and a cookie is parsed before we see it.
MADE_UP = [
    "\xff.\xff.\xff",
    "..",
    ". .",
    "a.b." + "c" * 20_000,
    "\x00.\x00.\x00",
    "é.é.é",
    "=.=.=",
    "e30.e30.e30",
    "%00.%00.%00",
]


@pytest.mark.promise("P25")
@pytest.mark.parametrize("text", MADE_UP, ids=ascii)
def test_no_made_up_token_causes_an_error_of_the_server(session, token, text):
    call_with(token, "plain/networkless")
    for route in ROUTES:
        for headers in ({"authorization": f"Bearer {text}"}, {"cookie": f"__session={text}; __session_x={text}"}):
            assert call(route, **headers).status_code == 401


def test_the_tests_of_a_project_need_not_clear_anything(u1):
    for number in range(20):
        with transaction.atomic():
            workspace = create_workspace(name=f"Number {number}")
            token = session_token(UserSession.objects.start(workspace, u1, actor="test"))
            assert call_with(token, "plain/networkless").status_code == 200
            transaction.set_rollback(True)


# An outage


@pytest.fixture
def outage() -> Iterator[Callable[[], None]]:
    """Yield a function that makes the database unavailable."""

    def refuse(*_: Any) -> None:
        raise OperationalError("the database does not answer")

    yield lambda: connection.execute_wrappers.append(refuse)
    connection.execute_wrappers.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_database_strict_views_answer_503_and_networkless_ones_work(token, outage, kind):
    for freshness in FRESHNESS:
        call_with(token, f"{kind}/{freshness}")
    outage()
    assert [call_with(token, f"{kind}/{each}").status_code for each in FRESHNESS] == [200, 200, 503]
    refused = call_with(token, f"{kind}/strict")
    assert refused.headers["Retry-After"] == "2"
    assert call_with(token, f"{kind}/networkless?look").status_code == 503


def test_without_a_database_the_browsable_api_answers_503(token, outage):
    call_with(token, "browsable/networkless")
    outage()
    refused = call_with(token, "browsable/networkless")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_database_a_cold_process_lets_nobody_in(token, outage, route):
    outage()
    assert call_with(token, route).status_code == 503


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_database_a_cached_view_lets_nobody_in_longer(token, outage, kind, settings):
    call_with(token, f"{kind}/cached")
    outage()
    settings.USER_SESSIONS = {"SESSION_CACHE_MAX_AGE": timedelta(microseconds=1)}
    assert call_with(token, f"{kind}/cached").status_code == 503


def test_a_time_can_be_given(rf, session):
    now = timezone.now()
    request = rf.get("/", headers={"authorization": f"Bearer {session_token(session, at=now)}"})
    assert authenticate_request(request, at=now + timedelta(seconds=59)).user_session == session
    with pytest.raises(SessionTokenRefused, match="has expired"):
        authenticate_request(request, at=now + timedelta(seconds=60))
