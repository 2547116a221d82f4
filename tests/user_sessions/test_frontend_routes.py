"""The table of routes for browsers and apps is the authorisation: every route is tried by nobody, by strangers, by a
client whose credential is old, and by one that names what is another's."""

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
    "client/sessions/<str:session_id>/verify": {"level": "first_factor"},
    "client/sessions/<str:session_id>/verify/attempt_first_factor": {"strategy": "password", "password": SECRET},
}
QUERIES = {"client/handshake": f"?redirect_url={PAGE}/", "client/touch": f"?redirect_url={PAGE}/"}

# What is answered to a client that names what is its own, where that is not 200.
OTHERWISE = {
    "client/handshake": 307,
    "client/touch": 307,
    "tickets/accept": 303,
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


def rows_of(somebody, user) -> dict[str, str]:
    """A session, a sign-in and a ticket, as paths name them, of somebody who is signed in by then."""
    session = somebody.hold(user)
    begun = SignIn.objects.begin(session.client, user, "ann", at=timezone.now())
    return {"session_id": session.pk, "sign_in_id": begun.id, "template_name": "t1", "rest": "no/such/path"}


def renew(somebody) -> str:
    """Let the client have a new credential; the old one."""
    old, client = somebody.credential, Client.objects.latest("created_at")
    client.renew(at=timezone.now())
    somebody.credential = client_token(client)
    assert somebody.credential != old
    return old


def ask(somebody, method, route, rows: Mapping[str, str]):
    path = "v1/" + re.sub(r"<\w+:(\w+)>", lambda name: rows[name[1]], route.path)
    query = f"?ticket={rows['ticket']}" if route.path == "tickets/accept" else QUERIES.get(route.path, "")
    return somebody.request(method, path, query, **FORMS.get(route.path, {}))


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_route_answers_its_client(somebody, ann, route, method):
    rows = rows_of(somebody, ann) | {"ticket": somebody.ticket_for(ann)}
    response = ask(somebody, method, route, rows)
    expected = 404 if route.view is UnknownView else OTHERWISE.get(route.path, 200)
    # The user is on this client already, whom the second step would sign in.
    expected = 400 if route.path == "client/sign_ins/<str:sign_in_id>/attempt_first_factor" else expected
    assert response.status_code == expected, response.content
    assert CLIENT in route.open_to


@pytest.mark.parametrize(("route", "method"), OF_CLIENTS)
def test_a_route_of_clients_is_closed_to_everybody_else(somebody, elsewhere, api_key, ann, route, method):
    rows, old = rows_of(somebody, ann), renew(somebody)
    foreign = type(somebody)(host="elsewhere.example.com")
    foreign.hold(ann)
    before = everything()
    for credential in ("", old, foreign.credential, f"Bearer {api_key}", api_key, "x", somebody.credential[:-1]):
        stranger = type(somebody)()
        if credential:
            stranger.credential = credential
        response = ask(stranger, method, route, rows)
        assert (response.status_code, response.error) == (401, "signed_out"), credential
    assert everything() == before


@pytest.mark.parametrize("credential", ["none", "dead", "forged"])
@pytest.mark.parametrize(("route", "method"), OF_ANYBODY)
def test_a_route_of_anybody_is_open_to_visitors(somebody, ann, route, method, credential):
    """Also to those whose token opens nothing: nobody asks them to forget it."""
    if credential != "none":
        session = somebody.hold(ann)
        session.client.close(actor="test", at=timezone.now())
    if credential == "forged":
        somebody.credential = somebody.credential[:-1]
    response = ask(somebody, method, route, {"rest": "no/such/path", "ticket": somebody.ticket_for(ann)})
    if route.view is UnknownView:
        assert response.error == "resource_not_found"
    elif (route.path, method) == ("client", "DELETE"):
        assert (response.status_code, response.error) == (404, "resource_not_found")
    else:
        assert response.status_code in (200, 303, 307)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_takes_the_methods_its_row_names(browser, ann, route):
    rows = {"session_id": "x", "sign_in_id": "x", "template_name": "x", "rest": "x", "ticket": "x"}
    browser.hold(ann)
    credential, taken = browser.credential, []
    for method in METHODS:
        browser.credential = credential  # one of them forgets it
        if ask(browser, method, route, rows).status_code != 405:
            taken.append(method)
    assert taken == [method for method in METHODS if method in route.actions]


# Another's


@pytest.fixture
def nobodys(at_home, ann):
    """Ids of the right form, of which there is no row."""
    with transaction.atomic():
        rows = rows_of(App(), ann)
        transaction.set_rollback(True)
    return rows


@pytest.mark.parametrize("host", ["here.example.com", "elsewhere.example.com"])
@pytest.mark.parametrize(("route", "method"), WITH_IDS)
def test_what_is_anothers_is_like_what_never_was(somebody, elsewhere, ann, u2, nobodys, route, method, host):
    rows = rows_of(Browser(), ann)
    caller = type(somebody)(host=host)
    caller.hold(u2)
    before = everything()
    answers = [said_by(ask(caller, method, route, ids), ids) for ids in (rows, nobodys)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert everything() == before


def test_the_users_own_session_at_another_workspace_is_none_of_theirs_here(browser, elsewhere, ann):
    browser.sign_in(ann)
    other = Browser(host="elsewhere.example.com").sign_in(ann)
    assert [each["id"] for each in browser.get("v1/me/sessions").json()] != []
    assert other.pk not in browser.get("v1/me/sessions").content.decode()
    assert browser.post(f"v1/me/sessions/{other.pk}/revoke").status_code == 404
    assert {route.view for route in ROUTES if route.path.startswith("me/")} >= {MeView}


def everything():
    """All that a stranger might have changed."""
    tables = (Client, UserSession, Event)
    return [list(table._base_manager.order_by("pk").values()) for table in tables]


TRACE = re.compile(r'(?<="clerk_trace_id":")\w+')


def said_by(response, rows):
    """Status, headers and body, apart from the trace and from what the caller named."""
    text = response.content.decode()
    for name, value in rows.items():
        text = text.replace(value, name)
    headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
    return response.status_code, headers, TRACE.sub("trace", text)
