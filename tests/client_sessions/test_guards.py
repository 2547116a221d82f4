"""Guarded views of a host return only the rows that a client session was granted."""

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from rest_framework.request import Request

from client_sessions.authentication import ApiKeyAuthentication
from client_sessions.devices.models import Device
from client_sessions.models import Action, ClientSession, Terms
from client_sessions.scoping import GrantedQuerySet, reached_by, visible_to
from sessions_core.models import ApiKey, Workspace
from tests.callers import Caller, bearer

pytestmark = pytest.mark.urls("tests.client_sessions.guarded")


@pytest.fixture
def session(workspace, home) -> ClientSession:
    return ClientSession.objects.start(
        workspace, actor="test", user_identifier_key="u1", wanted={"connected_account": [home.a1]}
    )


@pytest.fixture
def browser(session) -> Caller:
    return bearer(session.token)


def names(caller: Caller, query: str = "") -> list[str]:
    response = caller.client.get(f"/things{query}", headers=caller.headers)
    assert response.status_code == 200, response.content
    return [each["name"] for each in response.json()]


def status(caller: Caller, method: str, path: str) -> int:
    return caller.client.generic(
        method, path, b"{}", content_type="application/json", headers=caller.headers
    ).status_code


# REST framework views


def test_a_list_is_limited_to_the_scope_of_the_session(browser):
    assert names(browser) == ["d1", "d2"]


def test_a_host_filter_narrows_the_scope_and_never_widens_it(browser):
    assert names(browser, "?name=d1") == ["d1"]
    assert names(browser, "?name=d3") == []


def test_reading_a_row_out_of_scope_is_404(browser, home):
    assert [status(browser, "GET", f"/things/{one}") for one in (home.d1, home.d3, home.dx)] == [200, 404, 404]


def test_a_backend_sees_its_workspace_and_filters_by_user_identifier_key(backend, foreign_backend, browser):
    assert names(backend) == ["d1", "d2", "d3"]
    assert names(foreign_backend) == ["dx"]
    assert names(backend, "?user_identifier_key=u1") == ["d1", "d2"]
    assert names(backend, "?user_identifier_key=u1&name=d3") == []
    assert names(backend, "?user_identifier_key=nobody") == []
    assert names(foreign_backend, "?user_identifier_key=u1") == []


@pytest.mark.parametrize(
    "query", ["user_identifier_key=", "user_identifier_key=u1&user_identifier_key=u2", "user_identifier_key=%00"]
)
def test_an_invalid_user_identifier_key_is_an_error_and_not_ignored(backend, browser, query):
    assert status(backend, "GET", f"/things?{query}") == 400


def test_a_session_filters_by_its_own_user_identifier_key_only(browser, workspace, home):
    ClientSession.objects.start(
        workspace, actor="test", user_identifier_key="u2", wanted={"connected_account": [home.a2]}
    )
    assert names(browser, "?user_identifier_key=u1") == ["d1", "d2"]
    assert names(browser, "?user_identifier_key=u2") == []


@pytest.mark.parametrize(
    ("method", "action"), [("GET", Action.READ), ("PATCH", Action.CONTROL), ("DELETE", Action.CONTROL)]
)
def test_each_http_method_needs_its_action(session, browser, home, method, action):
    only = {each: str(getattr(home, d)) for each, d in ((Action.READ, "d3"), (Action.CONTROL, "d2"))}
    session.revoke_access({"connected_account": [home.a1]}, actor="test")
    for each, device in only.items():
        session.grant({"device": [device]}, terms=Terms(actions=[each]), actor="test")
    for each, device in only.items():
        assert (status(browser, method, f"/things/{device}") < 300) == (each == action)


def test_a_backend_lists_what_a_user_may_control(backend, session, home):
    session.revoke_access({"connected_account": [home.a1]}, actor="test")
    session.grant({"device": [home.d1]}, terms=Terms(actions=[Action.READ]), actor="test")
    path = f"/things/{home.d1}?user_identifier_key=u1"
    assert [status(backend, method, path) for method in ("GET", "PATCH")] == [200, 404]


def test_other_callers_see_nothing(workspace, home):
    publishable = ApiKey.objects.issue_publishable(workspace, name="a web app", actor="test")
    for caller in (publishable, object(), None):
        assert list(visible_to(caller, Device.objects.all())) == []


def test_another_bearer_token_is_left_to_other_authenticators(rf):
    for bearer_token in ("eyJhbGciOi.x.y", "seam_cst1abcdefgh_" + "1" * 24):
        request = Request(rf.get("/", headers={"authorization": f"Bearer {bearer_token}"}))
        assert ApiKeyAuthentication().authenticate(request) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [("revoke", "client_session_revoked"), ("forge", "client_session_not_found"), (None, "not_authenticated")],
)
def test_a_session_that_is_not_live_is_401_in_the_hosts_error_format(session, browser, change, code):
    if change == "revoke":
        session.revoke(actor="test")
    if change == "forge":
        browser = bearer("seam_cst1abcdefgh_" + "1" * 24)
    if change is None:
        browser = Caller()
    response = browser.client.get("/things", headers=browser.headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.data["detail"].code == code


def test_the_permission_requires_a_client_session(browser, backend, workspace):
    assert browser.client.get("/whoami", headers=browser.headers).json() == {"key": "u1"}
    assert status(backend, "GET", "/whoami") == 401
    assert status(Caller(), "GET", "/whoami") == 401


def test_a_guarded_list_is_two_queries(browser, django_assert_num_queries):
    with django_assert_num_queries(2):
        names(browser)


# Django views


def test_a_django_view_reads_the_session_from_the_request(browser):
    answer = browser.client.get("/plain", headers=browser.headers).json()
    assert answer == {"names": ["d1", "d2"], "floor": 0}
    assert browser.client.get("/floors/3", headers=browser.headers).json()["floor"] == 3


def test_a_django_view_accepts_a_post_without_a_csrf_token(browser):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/plain", headers=browser.headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authenticated"),
        ({"authorization": "Bearer seam_cst1abcdefgh_111111111111111111111111"}, "client_session_not_found"),
        ({"client-session-token": "garbage"}, "invalid_client_session_token"),
    ],
)
def test_a_django_view_answers_other_callers_with_401_and_a_reason(db, headers, code):
    response = Client().get("/plain", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("change", "code"), [("revoke", "client_session_revoked"), ("expire", "client_session_expired")]
)
def test_a_django_view_says_that_a_session_is_over(session, browser, change, code):
    if change == "revoke":
        session.revoke(actor="test")
    else:
        ClientSession.objects.update(expires_at=session.created_at)
    answer = browser.client.get("/plain", headers=browser.headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_django_view_refuses_an_api_key(backend):
    assert status(backend, "GET", "/plain") == 401


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/async", "/async/class"])
def test_an_async_view_is_guarded_too(session, path):
    headers = {"authorization": f"Bearer {session.token}"}
    answer = async_to_sync(AsyncClient().get)(path, headers=headers)
    assert (answer.json(), answer.headers["Cache-Control"]) == ({"key": "u1"}, "private, no-store")
    assert async_to_sync(AsyncClient().get)(path).status_code == 401


# Querysets


def test_a_host_queryset_can_be_limited_to_a_session(session, backend, workspace):
    rows = GrantedQuerySet(Device).order_by("name")
    assert [row.name for row in rows.granted_to(session)] == ["d1", "d2"]
    assert list(rows.granted_to(session).filter(name="d3")) == []


def test_an_unregistered_model_is_refused(session):
    with pytest.raises(LookupError, match=r"Workspace is not registered\. Call client_sessions\.resources\.register"):
        reached_by(Workspace.objects.all(), session)
