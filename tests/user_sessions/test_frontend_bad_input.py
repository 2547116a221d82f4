"""Any input to the Frontend API gets a response in Clerk's format and changes nothing."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dump import dump
from tests.fuzz import ODD, fuzz
from tests.user_sessions.forgeries import encoded
from tests.user_sessions.pages import FORM, HOSTS, Page, app, listing, signed_in_client, ticket_for, token_of
from user_sessions.clerk.frontend.frontend_routes import ROUTES
from user_sessions.models import Client, SigningKey, UserSession

few = settings(fuzz, max_examples=60)

POSTS = [route.path for route in ROUTES if "POST" in route.actions and "anything" not in route.path]
NAMED = [(method, route.path) for route in ROUTES if "<str" in route.path for method in route.actions]
FIELDS = [
    *(
        "strategy",
        "ticket",
        "identifier",
        "password",
        "code",
        "level",
        "intent",
        "active_organization_id",
        "organization_id",
    ),
    *("_method", "redirect_url", "format", "suffixed_cookies", "__clerk_db_jwt", "_clerk_session_id", "_is_native"),
]
IDS = [
    *("%00", "a%00b", "%ED%A0%80", "%FF%FE", "x" * 10_000, "%2F", "%2E%2E", "..", "%0A", "%0D%0Ax:y", "'", "%25s"),
    *("sess_%00", "sess_%F0%9F%92%A9", "%C0%80", "a%2Fb", "*", "%5C", " ", "%20", "null", "0", "-1", "{}"),
]


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = HOSTS
    settings.USER_SESSIONS = {"RATES": {"visitor": None, "password": None, "account": None}}


@pytest.fixture
def client(workspace, u1, u2) -> Client:
    u1.set_password("correct horse")
    u1.save()
    return signed_in_client(listing(workspace), u1, u2)


@pytest.fixture
def page(client) -> Page:
    return Page(cookie=token_of(client))


@pytest.fixture
def unchanged(client, workspace) -> set[str]:
    """Check that the tables have not changed."""
    SigningKey.objects.current(workspace)  # otherwise the first token would create it
    return dump()


def is_refused(response: Any) -> bool:
    body = json.loads(response.content)
    (error,) = body["errors"]
    assert error["message"] and error["long_message"] and error["code"]
    assert re.fullmatch("[0-9a-f]{32}", body["clerk_trace_id"])
    return 400 <= response.status_code < 500


def path_of(path: str, id: str) -> str:
    return re.sub(r"<\w+:\w+>", lambda _: id, path)


@pytest.mark.parametrize(("method", "path"), NAMED)
def test_an_unknown_id_is_not_found(page, unchanged, method, path):
    for id in IDS:
        response = page.send(method, path_of(path, id), {"level": "first_factor", "strategy": "password"})
        assert is_refused(response) and response.status_code in (400, 404, 405, 422), (id, response.content)
    assert dump() == unchanged


@pytest.mark.parametrize(
    "path", ["client/\x00", "client/%00", "me/%FF", "client/" + "x" * 10_000, "client//", "me/../me"]
)
def test_an_unknown_path_is_not_found(page, unchanged, path):
    for method in ("GET", "POST", "DELETE"):
        assert is_refused(page.send(method, quote(path, safe="/%")))
    assert dump() == unchanged


BODIES: list[tuple[bytes, str, int | None]] = [
    (b"strategy=ticket&ticket=a&ticket=b", FORM, 422),
    (b"strategy=ticket&strategy=ticket&ticket=a", FORM, 422),
    (b"strategy=&ticket=", FORM, 422),
    (b"strategy=ticket&ticket=" + b"x" * 100_000, FORM, 422),
    (b"identifier=" + b"x" * 100_000, FORM, 422),
    (b"identifier=%00", FORM, 422),
    (b"identifier=a%00b&password=%00", FORM, 422),
    (b"identifier=%ED%A0%80", FORM, 400),
    (b"identifier=%FF", FORM, 400),
    (b"identifier=\xff", FORM, 400),
    (b"identifier=u1&password=" + b"x" * 5000, FORM, 422),
    (b"identifier=u1&password=a&password=b", FORM, 422),
    (b"&".join(b"a%d=1" % n for n in range(101)), FORM, 400),
    (b"[]", "application/json", 400),
    (b"null", "application/json", 400),
    (b'"x"', "application/json", 400),
    (b"{", "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b'{"strategy": NaN}', "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    *(
        (json.dumps({"identifier": value}).encode(), "application/json", 422)
        for value in ([], {}, 1, True, None, ["u1"])
    ),
    (b'{"identifier": "\\ud800"}', "application/json", 422),
    (b'{"identifier": "u1", "password": ["correct horse"]}', "application/json", 422),
    (b'{"identifier": "u1", "password": {"a": 1}}', "application/json", 422),
    (b"strategy=ticket", "text/plain", 415),
    (b"strategy=ticket", "multipart/form-data; boundary=x", 415),
    (b"strategy=ticket", "application/xml", 415),
    (b"strategy=ticket", "application/json", 400),
    (b"strategy=ticket", "nonsense", 415),
    (b"strategy=ticket", "\x00", 415),
    (b"strategy=ticket", "application/x-www-form-urlencoded-not", 415),
    (b"x=" + b"y" * (1024 * 1024), FORM, 413),
    (b'"' + b"y" * (1024 * 1024) + b'"', "application/json", 413),
]


@pytest.mark.promise("P26")
@pytest.mark.parametrize(
    ("body", "type", "status"), BODIES, ids=[f"{body[:20]!r} {type[:20]}" for body, type, _ in BODIES]
)
def test_a_body_of_the_wrong_type_is_refused(page, unchanged, body, type, status):
    for caller in (page, app_of(page), Page()):
        response = caller.send("POST", "client/sign_ins", body, type=type)
        assert is_refused(response) and response.status_code == status, response.content
    assert dump() == unchanged


def app_of(page: Page) -> Page:
    return Page(origin=None, authorization=page.cookie)


@pytest.mark.promise("P26")
@pytest.mark.parametrize("path", POSTS)
def test_a_field_of_the_wrong_type_changes_nothing(page, client, path):
    """Every route with a body, with every parameter of any route: some ignore it, none fails."""
    target = path_of(path, client.last_active_session_id or "")
    for name in FIELDS:
        for value in ("x", "", "%00", "%ED%A0%80", "1&" + name + "=2", "x" * 70_000):
            page.cookie = token_of(client)
            response = page.send("POST", target, f"{name}={value}".encode())
            assert response.status_code == 200 or is_refused(response), (name, value)
        for member in ([], {}, 1, 1.5, True, {"a": ["b"]}, [[1]], "\x00"):
            page.cookie = token_of(client)
            response = page.send("POST", target, json.dumps({name: member}).encode(), type="application/json")
            assert response.status_code == 200 or is_refused(response), (name, member)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "_method=GET",
            "_method=get",
            "_method=delete",
            "_method=Delete",
            "_method=",
            "_method=DELETE%20",
            "_method=HEAD",
        ),
        *("_method=DELETE,DELETE", "_method=DELETE&_method=DELETE", "_method=PUT&_method=DELETE", "_method=OPTIONS"),
        *(
            "_method=POST",
            "_method=DELETE%00",
            "_method[]=DELETE",
            "_Method=DELETE",
            "_method=TRACE",
            "_method=CONNECT",
        ),
        "&".join(["_method=DELETE", *(f"a{n}=1" for n in range(2000))]),
    ],
)
def test_an_invalid_method_override_changes_nothing(page, unchanged, query):
    for path in ("client/sessions", "client/sessions/x"):
        response = page.send("POST", f"{path}?{query}")
        assert is_refused(response) and response.status_code in (400, 405, 404)
    assert dump() == unchanged


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_only_a_post_can_override_the_method(page, unchanged, method):
    for path in ("client", "client/sessions", "me"):
        assert page.send(method, f"{path}?_method=DELETE").status_code in (200, 405)
    assert dump() == unchanged
    assert len(page.signed_in()) == 2


@pytest.mark.parametrize("type", [FORM, "application/json"])
def test_the_method_override_must_be_in_the_query(page, unchanged, type):
    body = b'{"_method": "DELETE"}' if type != FORM else b"_method=DELETE"
    assert page.send("POST", "client/sessions", body, type=type).status_code == 405
    for header in ("x_http_method_override", "x_http_method", "x_method_override"):
        assert page.send("POST", "client/sessions", **{header: "DELETE"}).status_code == 405
    assert dump() == unchanged


@pytest.mark.parametrize("version", ["", "x", "2021-01-01", "2021-02-05%00", "%FF", "2021-02-05&__clerk_api_version=x"])
@pytest.mark.parametrize("path", ["client", "environment", "me", "client/handshake"])
def test_an_invalid_version_is_refused(page, unchanged, path, version):
    response = page.get(f"{path}?__clerk_api_version={version}")
    assert is_refused(response) and response.error == "api_version_invalid"
    assert dump() == unchanged


def test_a_chunked_body_is_refused_and_not_ignored(page, unchanged):
    response = page.send("POST", "client/sign_ins", transfer_encoding="chunked")
    assert (response.status_code, response.error) == (411, "content_length_required")
    assert dump() == unchanged


@pytest.mark.parametrize("kid", ["\x00", "a\x00", "\ud800", "'", "%", "x" * 101, "💥"])
def test_a_ticket_of_any_key_is_refused(page, workspace, u1, unchanged, kid):
    _, payload, signature = ticket_for(workspace, u1).split(".")
    before = dump()
    forged = f"{encoded({'alg': 'RS256', 'kid': kid})}.{payload}.{signature}"
    for response in (page.use(forged), page.get(f"tickets/accept?ticket={forged}")):
        assert is_refused(response) and response.error == "ticket_invalid_code"
    assert dump() == before


# Random input


@pytest.mark.promise("P25")
@few
@given(body=st.binary(max_size=80), type=st.sampled_from([FORM, "application/json"]), path=st.sampled_from(POSTS))
def test_any_bytes_get_an_answer(client, body, type, path):
    page = Page(cookie=token_of(client))
    response = page.send("POST", path_of(path, "x"), body, type=type)
    assert response.status_code == 200 or is_refused(response)


@pytest.mark.promise("P25")
@few
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from([*FIELDS, "ticket", "__clerk_api_version"]), st.binary(max_size=12)), max_size=4
    ),
    path=st.sampled_from(["client", "client/handshake", "client/touch", "tickets/accept", "me", "environment"]),
)
def test_any_query_gets_an_answer(client, pairs, path):
    page = Page(cookie=token_of(client))
    response = page.get(f"{path}?" + "&".join(f"{name}={quote(value)}" for name, value in pairs))
    assert response.status_code == 200 or is_refused(response)


@few
@given(id=st.text(max_size=30) | st.sampled_from(ODD), route=st.sampled_from(NAMED))
def test_any_id_gets_an_answer(client, id, route):
    page = Page(cookie=token_of(client))
    named = quote(id.encode(errors="surrogatepass"), safe="")
    response = page.send(route[0], path_of(route[1], named))
    assert is_refused(response)
    assert UserSession.objects.count() == 2


@pytest.mark.promise("P25")
@few
@given(
    cookie=st.binary(max_size=60),
    authorization=st.none() | st.binary(max_size=60),
    origin=st.none() | st.binary(max_size=60),
    agent=st.binary(max_size=200),
)
def test_any_headers_get_an_answer(client, cookie, authorization, origin, agent):
    given = {"cookie": b"__client=" + cookie, "authorization": authorization, "origin": origin, "user_agent": agent}
    headers = {name: None if value is None else value.decode("latin-1") for name, value in given.items()}
    for response in (app().get("client", **headers), Page().send("POST", "client/sessions/x/touch", **headers)):
        assert response.status_code == 200 or is_refused(response)
