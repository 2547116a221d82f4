"""The table of routes defines the authorisation: every route is tested with every kind of credential, and with the key
of another workspace."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from sessions_core.credentials import API_KEY, PUBLISHABLE_KEY
from sessions_core.http.routes import Route
from sessions_core.models import ApiKey, Event, Workspace
from tests.callers import Caller, bearer
from tests.policies import address_of
from tests.user_sessions.conftest import claims_of
from user_sessions.clerk.backend.backend_routes import ROUTES
from user_sessions.clerk.backend.unknown_backend_views import UnknownView
from user_sessions.clerk.handshakes import Handshake
from user_sessions.models import (
    Activity,
    Definition,
    JwtTemplate,
    JwtTemplateVersion,
    SignIn,
    Ticket,
    UserSession,
    UserSessionPolicy,
)
from user_sessions.models.nonces import SpentNonce
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import user_id

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]
CALLS = [pytest.param(route, method, id=f"{method} {route.path}") for route in ROUTES for method in route.actions]
ORIGIN = "http://localhost:3000"


def rows_of(workspace: Workspace, user: Any) -> dict[str, str]:
    """Create a row of each kind. Return its id by the path parameter, tickets by kind, and tokens."""
    now = timezone.now()
    session = UserSession.objects.start(workspace, user, actor="test", at=now)
    minting = UserSession.minting(workspace, session.pk, at=now)
    definition = Definition(name=f"of-{workspace.name}", claims={})
    ticket = {"actor": "test", "lifetime": UserSessionPolicy.of(workspace).lifetime}
    return {
        "session_id": session.pk,
        "client_id": session.client_id,
        "user_id": user_id(user.pk),
        "template_id": JwtTemplate.objects.define(workspace, definition, actor="test").pk,
        "template_name": definition.name,
        "sign_in_tokens": Ticket.objects.issue(workspace, user, **ticket).pk,
        "actor_tokens": Ticket.objects.issue(workspace, user, impersonator={"sub": "user_9"}, **ticket).pk,
        "rest": "no/such/path",
        "session_token": session_token(minting, at=now, authorized_party=ORIGIN),
        "refresh_token": refresh_token(session),
        "client_token": client_token(session.client),
        "nonce": Handshake(session_id=session.pk, origin=ORIGIN, dev_browser="", suffixed=False).nonce(
            workspace, at=now
        ),
    }


@pytest.fixture
def ours(workspace, u1) -> dict[str, str]:
    return rows_of(workspace, u1)


@pytest.fixture
def unknown_ids(u1) -> dict[str, str]:
    """Return ids and tokens of a deleted workspace: a valid format without rows."""
    with transaction.atomic():
        rows = rows_of(Workspace.objects.create(name="Never", is_sandbox=True), u1)
        transaction.set_rollback(True)
    return rows


def path_of(route: Route, rows: Mapping[str, str]) -> str:
    kind = route.path.partition("/")[0]
    return "v1/" + re.sub(r"<\w+:(\w+)>", lambda name: rows[kind if name[1] == "ticket_id" else name[1]], route.path)


def query_of(route: Route, rows: Mapping[str, str]) -> str:
    queries = {
        "sessions": "?user_id={user_id}&client_id={client_id}",
        "clients/handshake_payload": "?nonce={nonce}",
    }
    return queries.get(route.path, "").format(**rows)


def body_of(route: Route, rows: Mapping[str, str]) -> dict[str, Any]:
    """Return a complete body for the route."""
    refresh = {"refresh_token": rows["refresh_token"], "request_origin": ORIGIN}
    bodies: dict[str, dict[str, Any]] = {
        "sessions": {"user_id": rows["user_id"]},
        "sessions/<str:session_id>/verify": {"token": rows["session_token"]},
        "sessions/<str:session_id>/refresh": {"expired_token": rows["session_token"], **refresh},
        "clients/verify": {"token": rows["client_token"]},
        "jwt_templates": {"name": rows["template_name"], "claims": {}},
        "jwt_templates/preview": {"session_id": rows["session_id"], "template_id": rows["template_id"]},
        "jwt_templates/<str:template_id>": {"name": rows["template_name"], "claims": {}},
        "sign_in_tokens": {"user_id": rows["user_id"]},
        "actor_tokens": {"user_id": rows["user_id"], "actor": {"sub": "user_9"}},
    }
    return bodies.get(route.path, {})


def ask(caller: Caller, method: str, route: Route, rows: Mapping[str, str]) -> Any:
    body = body_of(route, rows) if method in ("POST", "PATCH") else None
    return caller.request(method, path_of(route, rows), body, query=query_of(route, rows) if method == "GET" else "")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_is_open_to_secret_keys_only(api_key, workspace, ours, route):
    assert route.open_to == [API_KEY]
    publishable = ApiKey.objects.issue_publishable(workspace, name="web", actor="test").publishable_key
    strangers = [Caller(), bearer(publishable), Caller(**{"seam-publishable-key": publishable}), bearer("ey.ey.x")]
    for method in route.actions:
        for stranger in strangers:
            assert ask(stranger, method, route, ours).status_code == 401
        assert ask(bearer(api_key), method, route, ours).status_code != 401
    assert PUBLISHABLE_KEY not in route.open_to


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_accepts_only_the_methods_in_its_row(backend, ours, route):
    taken = [method for method in METHODS if backend.request(method, path_of(route, ours)).status_code != 405]
    assert taken == [method for method in METHODS if method in route.actions]


# Another workspace


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_route_reaches_the_rows_of_its_own_workspace(backend, ours, route, method):
    response = ask(backend, method, route, ours)
    if route.view is UnknownView:
        assert response.status_code == 404
    elif (method, route.path) == ("POST", "jwt_templates"):
        assert response.error == "form_already_exists"
    else:
        assert response.status_code == 200


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_a_row_of_another_workspace_is_answered_like_an_unknown_one(
    foreign_backend, workspace, ours, unknown_ids, route, method
):
    """Users belong to the host, so another workspace can name them; it gets its own rows and ends none of ours."""
    before = everything_of(workspace)
    response = ask(foreign_backend, method, route, ours)
    assert comparable(response, ours) == comparable(ask(foreign_backend, method, route, unknown_ids), unknown_ids)
    assert everything_of(workspace) == before
    secret = {*ours.values(), address_of(workspace), str(workspace.pk)}
    given = given_in(path_of(route, ours), query_of(route, ours), body_of(route, ours))
    assert [text for text in secret if text in response.content.decode() and text not in given] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sessions/{theirs}/tokens/{template_name}", {}),
        ("jwt_templates/preview", {"session_id": "{theirs}", "template_id": "{template_id}"}),
        ("jwt_templates/preview", {"session_id": "{theirs}", "name": "{template_name}"}),
        ("sessions/{theirs}/verify", {"token": "{session_token}"}),
    ],
)
def test_a_callers_own_session_gives_no_access_to_another_workspace(
    foreign_backend, elsewhere, u1, ours, unknown_ids, path, body
):
    theirs = UserSession.objects.start(elsewhere, u1, actor="test").pk
    answers = []
    for rows in (ours, unknown_ids):
        filled = {name: text.format(theirs=theirs, **rows) for name, text in body.items()}
        answers.append(comparable(foreign_backend.post("v1/" + path.format(theirs=theirs, **rows), **filled), rows))
    assert answers[0] == answers[1]
    assert answers[0][0] in (400, 404)


def everything_of(workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    ways = {
        Activity: "session__workspace",
        JwtTemplateVersion: "template__workspace",
        SignIn: "client__workspace",
        SpentNonce: None,
    }
    models = [*apps.get_app_config("user_sessions").get_models(), Event]
    found = {
        model: model._base_manager.filter(**{way: workspace}).order_by("pk")
        for model in models
        if (way := ways.get(model, "workspace"))
    }
    return {model.__name__: list(rows.values()) for model, rows in found.items()}


def given_in(path: str, query: str, body: Mapping[str, Any]) -> str:
    """Return what the caller of a request already knows: its content, and the claims of its tokens."""
    tokens = [value for value in body.values() if str(value).startswith("ey")]
    return path + query + json.dumps([body, *map(claims_of, tokens)])


# What differs in each response: ids, tokens, milliseconds, the trace.
NEW = re.compile(r'(?:sess|client|jtmp|sit|act)_\w{27}|ey[\w-]+\.[\w-]+\.[\w-]+|\b\d{13}\b|(?<="clerk_trace_id":")\w+')


def comparable(response: Any, rows: Mapping[str, str]) -> tuple[int, str]:
    """Return status and body without new values and the caller's own ids."""
    text: str = response.content.decode()
    for name, value in rows.items():
        text = text.replace(value, name)
    return response.status_code, NEW.sub("new", text)


def test_a_revoked_key_is_refused_with_its_next_request(backend, api_key):
    assert backend.get("v1/jwks").status_code == 200
    ApiKey.objects.get().revoke(actor="test")
    assert (backend.get("v1/jwks").error) == "clerk_key_invalid"


@pytest.mark.parametrize("path", ["v1/no/such/path", "v1/", "v1/users"])
def test_the_reference_server_answers_every_path_below_v1_in_the_dialect(backend, path):
    assert Caller().get(path).status_code == 401
    assert backend.get(path).error == "resource_not_found"
