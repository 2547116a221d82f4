"""No bytes in a header, query, path or body cause a 5xx, on any route and on any page of the admin."""

import io
import logging
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from django.urls import get_resolver

from sessions_project.content_types import plain_type, wsgi_with_plain_types
from tests.embedded import examples
from tests.fuzz import ODD

CHARSETS = [
    *("quopri", "hex", "rot13", "base64", "zlib", "punycode", "idna", "utf-7", "undefined", "unicode_escape"),
    *("utf-16", "utf_8_sig", "cp037", "mbcs", "../x", "x" * 5000, "a\x00b", "\xe9"),
]
TYPES = [
    *("a/b; x*=quopri''x", "a/b; x*0=a; x*1=b; x*=c", "a/b; x*=\x00''a", "a/b;" + ";" * 9000, ";", "\xff;x=\xff"),
    *(
        "multipart/form-data",
        "multipart/form-data; boundary=\xe9",
        'multipart/form-data; boundary="',
        "application/json",
    ),
    *(f"a/b; charset={charset}" for charset in CHARSETS),
    *(f"application/x-www-form-urlencoded; charset={charset}" for charset in CHARSETS),
]
LOOKUPS = [
    *("", "__isnull", "__x", "__contains", "__contained_by", "__0", "__gt", "__in", "__range", "__regex", "__year"),
    *("__has_key", "__x__y__z", "__date", "__week_day", "__len", "__overlap", "__id__exact", "__year__gt"),
]
VALUES = [*(text.encode("utf-8", "surrogatepass") for text in ODD), b"\xff\xfe", b"0", b"x", b"-1", b"9" * 5000]
HEADERS = [
    *("HOST", "ORIGIN", "COOKIE", "AUTHORIZATION", "ACCEPT", "ACCEPT_LANGUAGE", "REFERER", "USER_AGENT", "RANGE"),
    *("X_FORWARDED_FOR", "X_CSRFTOKEN", "IF_MODIFIED_SINCE", "CLERK_API_VERSION", "CLIENT_SESSION_TOKEN"),
]


class Wire:
    """Calls the WSGI entry point, below every middleware."""

    def __init__(self) -> None:
        self.application = wsgi_with_plain_types(WSGIHandler())
        self.standing: dict[str, str] = {}

    def send(self, method: str, path: bytes, query: bytes = b"", body: bytes = b"", **given: str) -> int:
        """Return the status. Roll back the changes of the request."""
        server = {
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
        }
        asked = {"REQUEST_METHOD": method, "PATH_INFO": path.decode("latin-1"), "QUERY_STRING": query.decode("latin-1")}
        sent = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "127.0.0.1"}
        statuses: list[str] = []
        with transaction.atomic():
            environ = {**server, **asked, **sent, **self.standing, **given}
            response: Any = self.application(environ, lambda status, headers: statuses.append(status))
            response.close()
            transaction.set_rollback(True)
        return int(statuses[0][:3])


@pytest.fixture
def wire(db: None, settings: Any) -> Any:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    logging.disable(logging.CRITICAL)
    yield Wire()
    logging.disable(logging.NOTSET)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def console(wire: Wire, workspace: Any) -> Wire:
    """Sign in a user with view permissions on every page of the console."""
    viewer = get_user_model().objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    browser = Client()
    browser.force_login(viewer)
    name = django_settings.SESSION_COOKIE_NAME
    wire.standing = {"HTTP_COOKIE": f"{name}={browser.cookies[name].value}"}
    return wire


def routes(resolver: Any = None, before: str = "/") -> list[str]:
    patterns = (resolver or get_resolver("sessions_project.urls")).url_patterns
    below = ((each, before + str(each.pattern)) for each in patterns)
    return [path for each, at in below for path in (routes(each, at) if hasattr(each, "url_patterns") else [at])]


def filled(path: str, value: bytes) -> bytes:
    plain = path.replace("^(?P<app_label>", "<").replace("(?P<url>.*)$", "<url>")
    return b"".join(
        part.rpartition(b">")[2] if n == 0 else value + part.rpartition(b">")[2]
        for n, part in enumerate(plain.encode().split(b"<"))
    )


@pytest.mark.promise("P25")
@pytest.mark.parametrize("content_type", TYPES)
def test_any_content_type_gets_an_answer(wire, content_type):
    for path in (b"/health", b"/devices/list", b"/v1/sessions", b"/v1/client", b"/admin/login/"):
        for method in ("GET", "POST"):
            assert wire.send(method, path, b"x=1", b"y=2", CONTENT_TYPE=content_type) < 500, (method, path)
    assert wire.send("GET", b"/devices/list", b"&".join([b"x=1"] * 2000), CONTENT_TYPE=content_type) < 500


def test_only_the_boundary_of_a_content_type_is_passed_on():
    browsers = "multipart/form-data; boundary=----WebKitFormBoundaryx7"
    assert plain_type(browsers) == 'multipart/form-data; boundary="----WebKitFormBoundaryx7"'
    assert plain_type("application/json; charset=utf-8") == "application/json"


@pytest.mark.promise("P25")
@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_any_lookup_and_value_on_a_console_list_gets_an_answer(console, model):
    random = Random(model._meta.label)
    page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/".encode()
    for field in model._meta.get_fields():
        lookups = [f"{field.name}{tail}=".encode() for tail in random.sample(LOOKUPS, 3)]
        for query in [each + quote(random.choice(VALUES)).encode() for each in lookups]:
            assert console.send("GET", page, query) < 500, (page, query)


@pytest.mark.parametrize(
    "name", ["q", "o", "p", "all", "created_at__year", "created_at__month", "_to_field", "_facets"]
)
def test_any_value_of_a_list_parameter_gets_an_answer(console, name):
    for model in admin.site._registry:
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/".encode()
        for value in (b"%00", b"%ED%A0%80", b"0", b"-1", b"9" * 30):
            assert console.send("GET", page, name.encode() + b"=" + value) < 500, (page, value)


def test_any_lookup_on_a_json_column_gets_an_answer(console):
    for column in (b"custom_metadata", b"data"):
        for tail in LOOKUPS:
            for page in (
                b"/admin/devices/device/",
                b"/admin/devices/connectedaccount/",
                b"/admin/sessions_core/event/",
            ):
                assert console.send("GET", page, column + tail.encode() + b"=x") < 500, (page, tail)


def test_an_empty_form_of_the_console_gets_an_answer(wire):
    root = get_user_model().objects.create_superuser("root")
    browser = Client(raise_request_exception=False)
    browser.force_login(root)
    for model in admin.site._registry:
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/"
        assert browser.post(page, {}).status_code < 500, page


@pytest.mark.promise("P25")
def test_any_bytes_on_any_route_get_an_answer(console, api_key):
    random = Random(11)
    cookie, paths = console.standing, routes()
    for _ in range(examples(1500)):
        path = random.choice(paths)
        console.standing = cookie if path.startswith("/admin") else {"HTTP_AUTHORIZATION": f"Bearer {api_key}"}
        method = random.choice(["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "FOO"])
        odd = (
            {f"HTTP_{random.choice(HEADERS)}": random.choice(VALUES).decode("latin-1")} if random.random() < 0.4 else {}
        )
        query = b"a=" + random.choice(VALUES)
        sent = {"CONTENT_TYPE": random.choice(TYPES), **odd}
        where = filled(path, random.choice(VALUES))
        assert console.send(method, where, query, random.choice(VALUES), **sent) < 500, (method, where, query, sent)
