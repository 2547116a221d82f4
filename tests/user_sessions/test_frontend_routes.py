"""The table of routes of the Frontend API defines the authorisation: every route is tested without a token, with
invalid and old tokens, and with ids of other users."""

import re
from collections.abc import Mapping

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from sessions_core.models import Event
from tests.policies import set_user_session_policy
from tests.user_sessions.frontend import PAGE, App, Browser
from user_sessions.clerk.frontend.client_authentication import CLIENT, VISITOR
from user_sessions.clerk.frontend.frontend_routes import ROUTES
from user_sessions.clerk.frontend.me_views import MeView
from user_sessions.clerk.frontend.unknown_frontend_views import UnknownView
from user_sessions.models import Client, Definition, JwtTemplate, SignIn, UserSession
from user_sessions.tokens.client_tokens import client_token

SECRET = "correct horse"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
CALLS = [pytest.param(route, method, id=f"{method} {route.path}") for route in ROUTES for method in route.actions]
OF_CLIENTS = [call for call in CALLS if VISITOR not in call.values[0].open_to]
OF_ANYBODY = [call for call in CALLS if VISITOR in call.values[0].open_to]
WITH_IDS = [call for call in OF_CLIENTS if "_id>" in call.values[0].path]

FORMS = {
    "client/sign_ins": {"identifier": "ann"},
    "client/sign_ins/<str:sign_in_id>/attempt_first_factor": {"strategy": "password", "password": SECRET},
    "client/sign_ins/<str:sign_in_id>/attempt_second_factor": {"strategy": "totp", "code": "123456"},
    "client/sessions/<str:session_id>/verify": {"level": "first_factor"},
    "client/sessions/<str:session_id>/verify/attempt_first_factor": {"strategy": "password", "password": SECRET},
    "client/sessions/<str:session_id>/verify/attempt_second_factor": {"strategy": "totp", "code": "123456"},
}
QUERIES = {"client/handshake": f"?redirect_url={PAGE}/", "client/touch": f"?redirect_url={PAGE}/"}

# The status for a client that uses its own ids, where it is not 200.
OTHERWISE = {
    "client/handshake": 307,
    "client/touch": 307,
    "tickets/accept": 303,
    "client/sign_ins/<str:sign_in_id>/attempt_first_factor": 400,  # the user is already signed in on this client
    "client/sign_ins/<str:sign_in_id>/attempt_second_factor": 400,  # the password is missing
    "client/sign_ins/<str:sign_in_id>/prepare_second_factor": 400,
    **{
        f"client/sessions/<str:session_id>/verify/{step}": 400
        for step in ("attempt_first_factor", "prepare_first_factor", "prepare_second_factor", "attempt_second_factor")
    },
}


@pytest.fixture
def ann(at_home):
    set_user_session_policy(at_home, sign_in_url=f"{PAGE}/sign-in")
    at_home.save()
    JwtTemplate.objects.define(at_home, Definition(name="t1", claims={}), actor="test")
    return get_user_model().objects.create_user("ann", password=SECRET)


def rows_of(frontend, user) -> dict[str, str]:
    """Sign a user in. Return the path parameters of a session, a sign-in and a ticket."""
    session = frontend.start_session(user)
    begun = SignIn.objects.begin(session.client, user, "ann", at=timezone.now())
    return {"session_id": session.pk, "sign_in_id": begun.id, "template_name": "t1", "rest": "no/such/path"}


def renew(frontend) -> str:
    """Renew the client's token. Return the old one."""
    old, client = frontend.credential, Client.objects.latest("created_at")
    client.renew(at=timezone.now())
    frontend.credential = client_token(client)
    assert frontend.credential != old
    return old


def ask(frontend, method, route, rows: Mapping[str, str]):
    path = "v1/" + re.sub(r"<\w+:(\w+)>", lambda name: rows[name[1]], route.path)
    query = f"?ticket={rows['ticket']}" if route.path == "tickets/accept" else QUERIES.get(route.path, "")
    return frontend.request(method, path, query, **FORMS.get(route.path, {}))


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_route_answers_its_client(frontend, ann, route, method):
    rows = rows_of(frontend, ann) | {"ticket": frontend.ticket_for(ann)}
    response = ask(frontend, method, route, rows)
    expected = 404 if route.view is UnknownView else OTHERWISE.get(route.path, 200)
    assert response.status_code == expected, response.content
    assert CLIENT in route.open_to


@pytest.mark.parametrize(("route", "method"), OF_CLIENTS)
def test_a_route_for_clients_refuses_all_other_callers(frontend, elsewhere, api_key, ann, route, method):
    rows, old = rows_of(frontend, ann), renew(frontend)
    foreign = type(frontend)(host="elsewhere.example.com")
    foreign.start_session(ann)
    before = everything()
    for credential in ("", old, foreign.credential, f"Bearer {api_key}", api_key, "x", frontend.credential[:-1]):
        stranger = type(frontend)()
        if credential:
            stranger.credential = credential
        response = ask(stranger, method, route, rows)
        assert (response.status_code, response.error) == (401, "signed_out"), credential
    assert everything() == before


@pytest.mark.parametrize("credential", ["none", "dead", "forged"])
@pytest.mark.parametrize(("route", "method"), OF_ANYBODY)
def test_a_public_route_accepts_visitors(frontend, ann, route, method, credential):
    """This includes callers with an invalid token."""
    if credential != "none":
        session = frontend.start_session(ann)
        session.client.close(actor="test", at=timezone.now())
    if credential == "forged":
        frontend.credential = frontend.credential[:-1]
    response = ask(frontend, method, route, {"rest": "no/such/path", "ticket": frontend.ticket_for(ann)})
    if route.view is UnknownView:
        assert response.error == "resource_not_found"
    elif (route.path, method) == ("client", "DELETE"):
        assert (response.status_code, response.error) == (404, "resource_not_found")
    else:
        assert response.status_code in (200, 303, 307)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_accepts_only_the_methods_in_its_row(browser, ann, route):
    rows = {"session_id": "x", "sign_in_id": "x", "template_name": "x", "rest": "x", "ticket": "x"}
    browser.start_session(ann)
    credential, taken = browser.credential, []
    for method in METHODS:
        browser.credential = credential  # one route deletes the cookie
        if ask(browser, method, route, rows).status_code != 405:
            taken.append(method)
    assert taken == [method for method in METHODS if method in route.actions]


# Another's


@pytest.fixture
def unknown_ids(at_home, ann):
    """Return ids in a valid format without a row."""
    with transaction.atomic():
        rows = rows_of(App(), ann)
        transaction.set_rollback(True)
    return rows


@pytest.mark.parametrize("host", ["here.example.com", "elsewhere.example.com"])
@pytest.mark.parametrize(("route", "method"), WITH_IDS)
def test_an_id_of_another_user_is_answered_like_an_unknown_one(
    frontend, elsewhere, ann, u2, unknown_ids, route, method, host
):
    rows = rows_of(Browser(), ann)
    caller = type(frontend)(host=host)
    caller.start_session(u2)
    before = everything()
    answers = [comparable(ask(caller, method, route, ids), ids) for ids in (rows, unknown_ids)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert everything() == before


def test_a_session_of_the_user_at_another_workspace_is_not_found(browser, elsewhere, ann):
    browser.sign_in(ann)
    other = Browser(host="elsewhere.example.com").sign_in(ann)
    assert [each["id"] for each in browser.get("v1/me/sessions").json()] != []
    assert other.pk not in browser.get("v1/me/sessions").content.decode()
    assert browser.post(f"v1/me/sessions/{other.pk}/revoke").status_code == 404
    assert {route.view for route in ROUTES if route.path.startswith("me/")} >= {MeView}


def everything():
    """Return all rows that a caller could have changed."""
    tables = (Client, UserSession, Event)
    return [list(table._base_manager.order_by("pk").values()) for table in tables]


TRACE = re.compile(r'(?<="clerk_trace_id":")\w+')


def comparable(response, rows):
    """Return status, headers and body without the trace and the caller's own ids."""
    text = response.content.decode()
    for name, value in rows.items():
        text = text.replace(value, name)
    headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
    return response.status_code, headers, TRACE.sub("trace", text)
