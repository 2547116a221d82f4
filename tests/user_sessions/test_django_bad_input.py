"""Bad input for the sign-ins of a Django project: hostile headers, swapped users, other middleware, and outages."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import DatabaseError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import AllowAny

from sessions_core.models import Workspace
from tests.user_sessions import django_project
from tests.user_sessions.test_django_sign_ins import is_signed_in, only_session, sign_in
from user_sessions.django_links import SESSION_KEY
from user_sessions.models import Status, UserSession

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
OURS = "user_sessions.middleware.UserSessionMiddleware"


class Colleague(User):
    class Meta:
        proxy = True
        app_label = "auth"


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    django_project.install(settings, tmp_path, urls=__name__)


@pytest.fixture(params=django_project.ENGINES)
def engine(request: Any, settings: Any) -> str:
    return django_project.use_engine(settings, request.param)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="first password")


def described(request: Any) -> JsonResponse:
    """Return who this request has signed in."""
    session = request.user_session
    return JsonResponse({"user": request.user.get_username(), "session": session.pk if session else None})


def steps(request: HttpRequest, named: str) -> HttpResponse:
    """Log in and out as the path says, for example ``ann.bob.out``."""
    for name in named.split("."):
        if name == "out":
            logout(request)
        elif name == "missing":
            raise Http404
        elif name == "cycle":
            request.session.cycle_key()
        elif name == "as-bob":
            request.user = User.objects.get(username="bob")
        elif name == "empty":
            request.session.flush()
        elif name == "gone":
            User.objects.all().delete()
        else:
            login(request, User.objects.get(username=name), MODEL_BACKEND)
    return described(request)


def as_lazy(request: HttpRequest) -> HttpResponse:
    login(request, SimpleLazyObject(lambda: User.objects.get()), MODEL_BACKEND)  # type: ignore[arg-type]
    return described(request)


def as_proxy(request: HttpRequest) -> HttpResponse:
    login(request, Colleague.objects.get(), MODEL_BACKEND)
    return described(request)


def announcing(request: HttpRequest) -> HttpResponse:
    """Send the signal for the user of the request, as knox does when it issues a token."""
    user_logged_in.send(type(request.user), request=request, user=request.user)
    return HttpResponse()


def missing(request: Any) -> HttpResponse:
    raise Http404(request.user.get_username())


def catching(request: HttpRequest) -> HttpResponse:
    """Log in, and answer 200 even if the database is unavailable."""
    try:
        login(request, User.objects.get(), MODEL_BACKEND)
    except DatabaseError:
        return HttpResponse("try again")
    return HttpResponse("welcome")


@api_view(["POST"])
@authentication_classes([SessionAuthentication])
@permission_classes([AllowAny])
def api_login(request: Any) -> HttpResponse:
    user = authenticate(request, **request.data)
    assert user is not None
    login(request, user)
    return described(request)


urlpatterns = [
    *django_project.urlpatterns,
    path("steps/<named>/", steps),
    path("lazy/", as_lazy),
    path("proxy/", as_proxy),
    path("announcing/", announcing),
    path("missing/", missing),
    path("catching/", catching),
    path("api/", api_login),
]


# Hostile headers


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "x" * 100_000,
        "Mozilla/5.0 (iPhone\0; \x1b[31m\r\n\x7f)",
        "\xff\xfe\x80",
        "(" * 5000,
        "<script>'\";--",
        "\u202e",
    ],
    ids=["empty", "long", "control characters", "bytes", "brackets", "markup", "reversed"],
)
def test_a_login_survives_any_user_agent(ann, agent):
    client = Client(HTTP_USER_AGENT=agent)
    assert client.post("/login/", {"username": "ann", "password": "first password"}).status_code == 302
    activity = only_session().latest_activity
    stored = activity.browser_name + activity.browser_version + activity.device_type
    assert stored.isprintable() and len(stored) <= 120
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "address", ["", "unix:", "300.1.1.1", "x" * 5000, "127.0.0.1\0", "fe80::1%eth0", "[::1]:80", "::ffff:192.0.2.1"]
)
def test_a_login_survives_any_address(ann, address):
    client = Client(REMOTE_ADDR=address)
    assert client.post("/login/", {"username": "ann", "password": "first password"}).status_code == 302
    assert only_session().latest_activity.ip_address in (None, "fe80::1", "::1", "192.0.2.1")
    assert is_signed_in(client)


@pytest.mark.parametrize("forged", ["192.0.2.66", "192.0.2.66, 127.0.0.1", "\0", "x" * 5000, "', '--"])
def test_a_forged_forwarded_address_is_ignored(ann, forged):
    sign_in(**{"x-forwarded-for": forged})
    assert only_session().latest_activity.ip_address == "127.0.0.1"


# Users who change in the middle of a request


def test_a_login_and_another_in_one_request_leave_the_second(ann, bob, engine):
    client = Client()
    second = client.get("/steps/ann.bob/").json()
    assert second == {"user": "bob", "session": UserSession.objects.get(user=bob).pk}
    assert [each.status for each in UserSession.objects.order_by("user")] == [Status.ENDED, Status.ACTIVE]
    assert client.get("/private/").json() == second


def test_two_logins_of_one_user_in_one_request_are_one_session(ann, engine):
    client = Client()
    assert client.get("/steps/ann.ann/").json() == client.get("/private/").json()
    assert only_session().status == Status.ACTIVE


def test_a_login_after_a_flush_in_one_request_starts_another_session(ann, engine):
    client = Client()
    shown = client.get("/steps/ann.empty.ann/").json()
    assert shown == client.get("/private/").json() and shown["session"]
    assert sorted(each.status for each in UserSession.objects.all()) == [Status.ACTIVE, Status.ENDED]


def test_a_login_and_a_log_out_in_one_request_leave_nobody(ann, engine):
    client = Client()
    assert client.get("/steps/ann.out/").json() == {"user": "", "session": None}
    assert only_session().status == Status.ENDED
    assert not is_signed_in(client)


def test_after_a_log_out_the_request_has_neither_user_nor_session(ann, engine):
    client = sign_in()
    assert client.get("/steps/out/").json() == {"user": "", "session": None}
    assert only_session().status == Status.ENDED


def test_a_log_out_and_a_login_in_one_request_start_another_session(ann, engine):
    client = sign_in()
    first = only_session()
    second = client.get("/steps/out.ann/").json()["session"]
    assert {first.pk, second} == {each.pk for each in UserSession.objects.all()}
    assert UserSession.objects.live(at=first.created_at).count() == 1
    assert client.get("/private/").json()["session"] == second


@pytest.mark.parametrize("named", ["gone", "ann.gone"])
def test_a_user_deleted_in_a_request_is_anonymous_at_the_next(ann, engine, named):
    client = sign_in()
    assert client.get(f"/steps/{named}/").status_code == 200
    assert not UserSession.objects.exists()
    assert not is_signed_in(client)


@pytest.mark.parametrize("page", ["/lazy/", "/proxy/"])
def test_a_lazy_user_or_one_of_a_proxy_model_has_a_session(ann, page):
    client = Client()
    assert client.get(page).json() == {"user": "ann", "session": only_session().pk}
    assert client.get("/private/").json() == {"user": "ann", "session": only_session().pk}


# Other ways to log in


def test_a_login_in_an_api_view_starts_a_session(ann, engine):
    client = Client()
    client.post("/api/", {"username": "ann", "password": "first password"}, content_type="application/json")
    assert client.get("/private/").json() == {"user": "ann", "session": only_session().pk}
    assert only_session().amr == ["pwd"]


def test_a_package_that_announces_the_signed_in_user_again_changes_nothing(ann, engine):
    client = sign_in()
    before = only_session()
    client.get("/announcing/")
    assert client.get("/private/").json()["session"] == before.pk
    assert (only_session().verified_at, only_session().amr) == (before.verified_at, ["pwd"])


# Other middleware and backends


def around(other: str, place: str) -> list[str]:
    """Return the middleware with another one directly above or below ours."""
    paths = list(django_project.MIDDLEWARE)
    paths.insert(paths.index(OURS) + (place == "below"), other)
    return paths


@pytest.mark.parametrize("place", ["above", "below"])
def test_with_remote_user_middleware_each_revocation_starts_another_session(ann, settings, place, engine):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend"]
    settings.MIDDLEWARE = around("django.contrib.auth.middleware.RemoteUserMiddleware", place)
    client = Client(REMOTE_USER="ann")
    first = client.get("/private/").json()["session"]
    assert client.get("/private/").json() == {"user": "ann", "session": first}
    only_session().revoke(actor="test")
    for _ in range(2):  # above ours, it signs in before we sign out
        client.get("/private/")
    assert client.get("/private/").json()["session"] not in (None, first)
    assert UserSession.objects.get(pk=first).status == Status.REVOKED


@pytest.mark.parametrize("place", ["above", "below"])
def test_without_the_header_the_user_of_the_web_server_is_signed_out(ann, settings, place):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend"]
    settings.MIDDLEWARE = around("django.contrib.auth.middleware.RemoteUserMiddleware", place)
    client = Client()
    assert client.get("/private/", REMOTE_USER="ann").status_code == 200
    assert not is_signed_in(client)
    assert only_session().status == Status.ENDED


def test_a_backend_that_lets_inactive_users_in_gives_them_no_session(ann, settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    User.objects.update(is_active=False)
    client = Client()
    client.force_login(ann)
    assert client.get("/private/").json() == {"user": "ann", "session": None}
    assert not UserSession.objects.exists()


# The Django session


def test_a_django_session_whose_row_is_gone_signs_nobody_in(ann):
    client = sign_in()
    client.session.delete()
    assert not is_signed_in(client)
    assert only_session().status == Status.ACTIVE, "until it is idle: nothing of the Django session is stored"


@pytest.mark.parametrize("saves_each_request", [True, False])
def test_a_key_cycled_in_a_request_keeps_the_session(ann, engine, settings, saves_each_request):
    settings.SESSION_SAVE_EVERY_REQUEST = saves_each_request
    client = sign_in()
    shown = client.get("/steps/cycle/").json()
    assert shown == client.get("/private/").json() == {"user": "ann", "session": only_session().pk}


def test_a_page_that_sets_another_user_keeps_the_session_of_its_own(ann, bob, engine):
    client = sign_in()
    assert client.get("/steps/as-bob/").json() == {"user": "bob", "session": only_session().pk}
    assert client.get("/private/").json() == {"user": "ann", "session": only_session().pk}


# A database that is away, or rolls back


def our_tables_are_away(execute: Any, sql: str, *rest: Any) -> Any:
    if '"user_sessions_' in sql:
        raise OperationalError("the server closed the connection unexpectedly")
    return execute(sql, *rest)


def patient(client: Client) -> Client:
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("page", ["/login/", "/catching/"])
def test_a_login_during_an_outage_lets_nobody_in(ann, engine, page):
    client = patient(Client())
    client.get("/login/")
    with connection.execute_wrapper(our_tables_are_away):
        response = client.post(page, {"username": "ann", "password": "first password"})
    assert response.status_code == (503 if page == "/login/" else 200)
    assert USER_KEY not in client.session
    assert not UserSession.objects.exists() and not is_signed_in(client)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["/logout/", "/flushing/"])
def test_a_log_out_during_an_outage_is_not_half_done(ann, engine, page):
    client = patient(sign_in())
    with connection.execute_wrapper(our_tables_are_away):
        assert client.post(page).status_code == 503
    assert is_signed_in(client) and only_session().status == Status.ACTIVE
    assert client.post(page).status_code in (200, 302)
    assert not is_signed_in(client) and only_session().status == Status.ENDED


@pytest.fixture
def atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


def test_an_adoption_that_is_rolled_back_is_made_again(ann, engine, atomic_requests):
    client = before_installation(sign_in())
    assert client.get("/missing/").status_code == 404
    assert client.get("/private/").json() == {"user": "ann", "session": only_session().pk}


def test_an_asynchronous_adoption_that_is_rolled_back_is_made_again(ann, engine, atomic_requests):
    client = AsyncClient()
    client.cookies = before_installation(sign_in()).cookies
    get = async_to_sync(client.get)
    assert get("/missing/").status_code == 404
    assert get("/private/").json() == {"user": "ann", "session": only_session().pk}


def before_installation(client: Client) -> Client:
    """Remove the user session from the browser and the database."""
    UserSession.objects.all().delete()
    session = client.session
    del session[SESSION_KEY]
    session.save()
    client.cookies["sessionid"] = session.session_key
    return client


# With the other engines Django itself answers 400, because the row of its own session is rolled back.
@pytest.mark.parametrize("engine", ["cache", "file", "signed_cookies"], indirect=True)
def test_a_login_that_is_rolled_back_gets_its_session_at_the_next_request(ann, engine, atomic_requests):
    client = Client()
    assert client.get("/steps/ann.missing/").status_code == 404
    assert not UserSession.objects.exists()
    assert client.get("/private/").json() == {"user": "ann", "session": only_session().pk}


@pytest.mark.parametrize("leave", ["out", "empty"])
def test_a_log_out_that_is_rolled_back_ends_the_session_all_the_same(ann, engine, atomic_requests, leave):
    client = sign_in()
    assert client.get(f"/steps/{leave}.missing/").status_code == 404
    assert only_session().status == Status.ENDED
    assert not is_signed_in(client)
