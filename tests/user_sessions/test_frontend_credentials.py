"""Only the current token of a client of this workspace is accepted, in a cookie or a header."""

import hashlib
import logging
import re
from datetime import timedelta

import jwt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from client_sessions.models import ClientSession
from tests.user_sessions.forgeries import FORGERIES, parts_of
from tests.user_sessions.pages import Page, app, listing, signed_in_client, ticket_for, token_of
from user_sessions.clerk.frontend.client_authentication import VISITOR
from user_sessions.clerk.frontend.frontend_routes import ROUTES
from user_sessions.clerk.handshakes import Handshake
from user_sessions.models import Client, Definition, JwtTemplate, SigningKey, UserSession, private_key
from user_sessions.tokens.handshake_tokens import handshake_token
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token, template_token
from user_sessions.users import user_id

pytestmark = pytest.mark.usefixtures("hosts")


@pytest.fixture
def client(client_of_u1):
    return client_of_u1


CARRIERS = ["cookie", "authorization", "bearer"]
OF_CLIENTS = [(method, route) for route in ROUTES if VISITOR not in route.open_to for method in route.actions]


@pytest.fixture
def token(client) -> str:
    return token_of(client)


def carrying(text: str, carrier: str) -> Page:
    if carrier == "cookie":
        return Page(cookie=text)
    return Page(origin=None, authorization=f"Bearer {text}" if carrier == "bearer" else text)


@pytest.mark.promise("P9")
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_gives_no_access(client, token, forge):
    """The caller is an anonymous visitor and can only sign in."""
    forged = forge(token)
    assert forged != token
    for carrier in CARRIERS:
        refused, asked = (carrying(forged, carrier).get(path) for path in ("me", "client"))
        assert (refused.status_code, refused.error) == (401, "signed_out")
        assert "set-cookie" not in asked.headers and "authorization" not in asked.headers
        assert (asked.status_code, asked.json()) == (200, {"response": None, "client": None})
        assert forged not in f"{asked.headers}{refused.headers}{refused.content!r}"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_valid_token_works_in_a_cookie_and_a_header(client, token, carrier):
    assert carrying(token, carrier).signed_in() == [client.last_active_session_id]


@pytest.mark.promise("P10")
@pytest.mark.parametrize("forge", ["cut off", "another key", "alg none", "another kid", "a second spelling"])
def test_a_forged_token_costs_no_query_of_its_own(client, token, forge, django_assert_num_queries):
    """The signature check refuses it; the only queries are those of a visitor."""
    forged = FORGERIES[forge](token)
    for visitor, shown in ((Page(), "cookie"), (app(), "bearer")):
        with CaptureQueriesContext(connection) as queries:
            visitor.get("client")
        with django_assert_num_queries(len(queries)):
            assert carrying(forged, shown).get("client").status_code == 200


# Valid tokens of another kind, or old tokens


@pytest.fixture
def others(workspace, u1, u2, client, api_key, elsewhere, settings) -> dict[str, str]:
    """Return valid credentials, by kind, that are not a current client token of this workspace."""
    now = timezone.now()
    session = UserSession.minting(workspace, client.last_active_session_id, at=now)
    template = JwtTemplate.objects.define(workspace, Definition(name="x", claims={"id": client.pk}), actor="test")
    rotated, closed = signed_in_client(workspace, u2), signed_in_client(workspace, u2)
    texts = {
        "session token": session_token(session, at=now),
        "template token": template_token(session, template, at=now),
        "refresh token": refresh_token(session),
        "ticket": ticket_for(workspace, u1),
        "secret key": api_key,
        "client session": ClientSession.objects.start(workspace, actor="test").token,
        "handshake": handshake_token(workspace, ["__session=x"], at=now),
        "nonce": Handshake(session_id=session.pk, origin="", dev_browser="", suffixed=False).nonce(workspace, at=now),
        "foreign client": token_of(signed_in_client(elsewhere, u1)),
        "rotated": token_of(rotated),
        "closed": token_of(closed),
        "signing key": jwt.encode(parts_of(token_of(client))[1], *private_key(SigningKey.objects.get().kid)),
    }
    rotated.renew(at=now - timedelta(minutes=1))  # a token replaced a moment ago gets another error
    closed.close(actor="test", at=now)
    keys = settings.SESSIONS_CORE["TOKEN_KEYS"]
    settings.SESSIONS_CORE = settings.SESSIONS_CORE | {
        "TOKEN_KEYS": ["a key that was withdrawn, thirty-two characters"]
    }
    texts["of a withdrawn key"] = token_of(signed_in_client(workspace, u2))
    settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"TOKEN_KEYS": keys}
    return texts


@pytest.mark.promise("P9")
@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_other_token_is_accepted_as_a_client_token(others, carrier):
    for kind, text in others.items():
        assert carrying(text, carrier).get("me").status_code == 401, kind
        assert carrying(text, carrier).signed_in() == [], kind


@pytest.mark.promise("P9")
@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_route_for_clients_refuses_other_tokens(client, token, others, carrier):
    names = {"session_id": client.last_active_session_id, "sign_in_id": "sia_x", "template_name": "x"}
    kinds = ["foreign client", "rotated", "closed", "session token", "of a withdrawn key"]
    texts = [FORGERIES["another key"](token), *(others[kind] for kind in kinds)]
    for method, route in OF_CLIENTS:
        path = re.sub(r"<\w+:(\w+)>", lambda name: str(names[name[1]]), route.path)
        answers = [carrying(text, carrier).send(method, path) for text in texts]
        assert {answer.status_code for answer in answers} == {401}, path
        assert app().send(method, f"{path}?_is_native=1").status_code == 401, path
    assert carrying(token, carrier).signed_in() == [client.last_active_session_id]


@pytest.mark.promise("P13")
def test_a_client_is_anonymous_at_another_workspace(elsewhere, workspace, u1):
    listing(workspace)
    theirs = token_of(signed_in_client(listing(elsewhere), u1))
    assert Page(cookie=theirs).signed_in() == []
    assert len(Page(cookie=theirs, host="elsewhere.example.com").signed_in()) == 1


# A sign-in


@pytest.mark.promise("P11")
@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("kind", ["forged", "foreign client", "rotated", "closed", "of a withdrawn key"])
def test_a_sign_in_never_adopts_a_presented_token(client, token, others, workspace, u2, kind, carrier):
    shown = FORGERIES["another key"](token) if kind == "forged" else others[kind]
    known = set(Client.objects.values_list("pk", flat=True))
    page = carrying(shown, carrier)
    answer = page.use(ticket_for(workspace, u2))
    assert answer.status_code == 200
    (new,) = set(Client.objects.values_list("pk", flat=True)) - known
    given = answer.headers["authorization"] if carrier != "cookie" else page.cookie
    assert parts_of(given)[1]["id"] == new
    assert parts_of(shown)[1]["id"] != new
    assert carrying(shown, carrier).signed_in() == []
    assert len(carrying(given, carrier).signed_in()) == 1


@pytest.mark.promise("P11")
def test_an_attacker_who_planted_a_client_token_gets_no_session(workspace, u1):
    listing(workspace)
    attacker = Page()
    attacker.post("client")
    victim = Page(cookie=attacker.cookie)
    assert victim.use(ticket_for(workspace, u1)).status_code == 200
    assert attacker.get("me").status_code == 401 and attacker.signed_in() == []
    assert victim.get("me").json()["response"]["id"] == user_id(u1.pk)


# Two tokens in one request


@pytest.mark.promise("P12")
def test_a_cookie_and_a_header_that_differ_are_refused(client, token, workspace, u2):
    other = token_of(signed_in_client(workspace, u2))
    for header in (token, f"Bearer {token}", f"bearer {token}"):
        agreeing = Page(cookie=token, origin=None, authorization=header).get("client")
        assert agreeing.json()["response"]["id"] == client.pk
    for header in (other, f"Bearer {other}", FORGERIES["another key"](token), "x", "Token x"):
        refused = Page(cookie=token, origin=None, authorization=header).get("client")
        assert (refused.status_code, refused.error) == (401, "authentication_invalid")


@pytest.mark.promise("P12")
@pytest.mark.parametrize("separator", ["; ", ";", " ; ", ", "])
def test_two_client_cookies_are_refused_in_any_order(client, token, workspace, u2, separator):
    other = token_of(signed_in_client(workspace, u2))
    for first, second in ((token, other), (other, token), (token, "x"), ("x", token)):
        page = Page()
        refused = page.get("me", cookie=f"__client={first}{separator}__client={second}")
        assert refused.status_code == 401
        assert page.post("client", cookie=f"__client={first}; __client={second}").status_code != 500
    same = Page().get("me", cookie=f"a=b; __client={token}; __client={token}")
    assert same.status_code == 200


@pytest.mark.parametrize(
    "name", ["__Client", "__CLIENT", "client", "__client_uat", "__session", "__client[]", '"__client"']
)
def test_the_cookie_has_one_name(client, token, name):
    assert Page().get("me", cookie=f"{name}={token}").status_code == 401


@pytest.mark.promise("P12")
def test_two_headers_are_refused(client, token):
    refused = app().get("client", authorization=f"Bearer {token}, Bearer {token}")
    assert (refused.status_code, refused.error) == (400, "multiple_authorization_header_values_forbidden")


@pytest.mark.promise("P8")
@pytest.mark.parametrize("query", ["?token={0}", "?__client={0}", "?authorization=Bearer%20{0}", "?_clerk_client={0}"])
def test_no_token_is_taken_from_a_query(client, token, query):
    """A token in a URL would be logged."""
    assert app().get("me" + query.format(token)).status_code == 401
    assert app().get("me" + query.format(token) + "&_is_native=1").status_code == 401


# Logs


@pytest.fixture
def everything_logged(caplog, monkeypatch):
    """Capture every logger at every level, because a host may log more than this project."""
    monkeypatch.setattr(logging.getLogger("django"), "propagate", True)
    for name in (None, "django", "django.request", "django.db.backends"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.promise("P6")
def test_no_credential_is_in_a_log(client, token, others, workspace, u2, everything_logged):
    """This includes the log of SQL queries."""
    texts = [token, *others.values(), *(FORGERIES[name](token) for name in ("cut off", "another key", "in capitals"))]
    with CaptureQueriesContext(connection) as queries:
        for text in texts:
            for carrier in CARRIERS:
                carrying(text, carrier).post("client/sessions/x/touch")
        page = Page()
        page.use(others["ticket"])
    assert page.cookie
    logged = [record.getMessage() + str(record.args) for record in everything_logged.records]
    written = "\n".join([*logged, *(query["sql"] for query in queries)])
    assert "(0.0" in written and "Unauthorized: /v1/client/sessions/x/touch" in written
    for text in [*texts, page.cookie]:
        secret = text.rpartition(".")[2] if text.count(".") == 2 else text
        assert secret not in written, text
        assert hashlib.sha256(text.encode()).hexdigest() not in written
