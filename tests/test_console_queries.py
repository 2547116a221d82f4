"""Console queries that Django's admin passes to the database unchecked."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import FieldError, PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory

from sessions_project.console import RefusesUnusableQueries

pytestmark = pytest.mark.usefixtures("unseen_operators")

KEYS = "/admin/user_sessions/signingkey/"
SESSIONS = "/admin/user_sessions/usersession/"
EVENTS = "/admin/sessions_core/event/"
ENDPOINTS = "/admin/sessions_core/webhookendpoint/"


@pytest.fixture(params=["superuser", "view-only staff"])
def console(request: pytest.FixtureRequest, workspace: object) -> Client:
    is_superuser = request.param == "superuser"
    user = get_user_model().objects.create_user("someone", is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    "page",
    [
        KEYS + "?public_jwk__kty=RSA",
        KEYS + "?public_jwk__kty__gt=1",
        KEYS + "?public_jwk__contains=x",
        KEYS + "?public_jwk__has_keys=x",
        KEYS + "?public_jwk__regex=(",
        EVENTS + "?data__reason=x",
        EVENTS + "?data__has_key=x",
    ],
)
def test_a_lookup_in_a_json_column_is_not_a_server_error(console, page):
    assert console.get(page).status_code < 500


@pytest.mark.parametrize("page", [SESSIONS + "?nothing=1", SESSIONS + "?id__nothing=1", EVENTS + "?type__year__x=1"])
def test_an_unknown_field_or_lookup_is_not_a_server_error(console, page):
    assert console.get(page).status_code < 500


@pytest.mark.parametrize(
    "page",
    [
        SESSIONS + "?user__password__startswith=md5",
        ENDPOINTS + "?sealed_secret__startswith=a",
        EVENTS + "?workspace__name__contains=x",
        "/admin/sessions_core/apikey/?digest__startswith=a",
    ],
)
def test_a_lookup_that_no_page_shows_is_refused(console, page):
    assert console.get(page).status_code == 400


@pytest.mark.parametrize(
    "page",
    [
        EVENTS + "?q=%00",
        EVENTS + "?subject=%00",
        EVENTS + "?id__lt=" + "9" * 40,
        EVENTS + "?id__lt=x",
        EVENTS + "?created_at__gte=9999999",
        SESSIONS + "?id=%ff%fe",
        SESSIONS + "?id__regex=(",
        SESSIONS + "?user__id__exact=" + "9" * 40,
        SESSIONS + "?workspace__id__exact=x",
        SESSIONS + "?p=x",
        SESSIONS + "%00/change/",
        EVENTS + "9" * 40 + "/change/",
    ],
)
def test_any_bytes_are_not_a_server_error(console, page):
    assert console.get(page).status_code < 500


def answer(error: Exception, *, path: str = "/admin/", method: str = "GET", query: str = "a=1") -> Any:
    request = RequestFactory().generic(method, path, QUERY_STRING=query)
    return RefusesUnusableQueries(lambda _: HttpResponse()).process_exception(request, error)


def test_the_middleware_handles_only_console_requests():
    assert answer(FieldError(), path="/v1/sessions") is None
    assert answer(FieldError()).status_code == 400


@pytest.mark.parametrize("error", [Http404(), PermissionDenied()])
def test_errors_that_django_handles_are_left_to_django(error):
    assert answer(error) is None


def test_an_error_without_a_query_string_stays_a_server_error():
    assert answer(TypeError(), query="") is None
    assert answer(TypeError(), method="POST") is None
    assert answer(TypeError()).status_code == 400


def test_an_unavailable_database_is_not_a_bad_request():
    assert answer(OperationalError("server closed the connection unexpectedly")) is None
