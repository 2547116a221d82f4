"""Sign-ins of a Django project are user sessions: they begin, end, and end the Django session when they are over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.db.models.signals import post_save
from django.test import AsyncClient, Client
from django.utils import timezone

from sessions_core.models import Event, Workspace
from tests.pages import blocks
from tests.policies import set_user_session_policy
from tests.user_sessions import django_project
from user_sessions.checks import check_middleware
from user_sessions.django_links import SESSION_KEY
from user_sessions.exceptions import SessionsUnavailable
from user_sessions.models import Epoch, LimitPolicy, Status, UserSession

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1"


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    django_project.install(settings, tmp_path)


@pytest.fixture(params=django_project.ENGINES)
def engine(request: Any, settings: Any) -> str:
    return django_project.use_engine(settings, request.param)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


def sign_in(name: str = "ann", password: str = "first password", **headers: Any) -> Client:
    client = Client(headers=headers)
    assert client.post("/login/", {"username": name, "password": password}).status_code == 302
    return client


def only_session() -> UserSession:
    return UserSession.objects.get()


def is_signed_in(client: Client) -> bool:
    return client.get("/private/").status_code == 200


def test_a_login_starts_a_session_with_device_and_address(ann, workspace, engine):
    sign_in(**{"user-agent": PHONE})
    session = only_session()
    assert (session.user, session.workspace, session.status) == (ann, workspace, Status.ACTIVE)
    assert (session.latest_activity.device_type, session.latest_activity.ip_address) == ("iPhone", "127.0.0.1")
    assert session.amr == ["pwd"]


def test_a_page_knows_the_session_of_its_user(ann, engine):
    assert sign_in().get("/private/").json() == {"user": "ann", "session": only_session().pk}


def test_an_asynchronous_page_knows_it_too(ann, engine):
    client = AsyncClient()
    async_to_sync(client.aforce_login)(ann)
    get = async_to_sync(client.get)
    assert get("/asynchronous/").json() == {"user": "ann", "session": only_session().pk}
    only_session().revoke(actor="test")
    assert get("/asynchronous/").json() == {"user": "", "session": None}


def test_an_asynchronous_log_out_ends_the_session(ann, engine):
    client = AsyncClient()
    async_to_sync(client.aforce_login)(ann)
    async_to_sync(client.alogout)()
    assert only_session().status == Status.ENDED


OVER: dict[str, Callable[[UserSession], object]] = {
    "ended": lambda session: session.end(actor="test"),
    "revoked": lambda session: session.revoke(actor="test"),
    "removed": lambda session: session.remove(actor="test"),
    "expired": lambda session: UserSession.objects.update(expire_at=timezone.now(), abandon_at=timezone.now()),
    "epoch": lambda session: Epoch.objects.begin(session.workspace, actor="test"),
    "deleted": lambda session: UserSession.objects.all().delete(),
    "password": lambda session: User.objects.update(password="another"),
    "inactive": lambda session: User.objects.update(is_active=False),
}


@pytest.mark.parametrize("why", OVER)
def test_the_next_request_is_anonymous_when_the_session_is_over(ann, engine, why):
    client = sign_in()
    OVER[why](only_session())
    assert client.get("/private/").headers["location"].startswith("/login/")
    assert USER_KEY not in client.session


def test_a_copied_cookie_is_over_with_its_session(ann, engine):
    client, thief = sign_in(), Client()
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    only_session().revoke(actor="test")
    assert not is_signed_in(thief)


def test_logging_out_ends_the_session(ann, engine):
    client = sign_in()
    client.post("/logout/")
    session = only_session()
    assert (session.status, session.closed_by) == (Status.ENDED, session.actor)
    assert Event.objects.filter(type="user_session.ended").count() == 1


@pytest.mark.parametrize("leave", ["/flushing/", "/becoming/bob/"])
def test_a_flushed_django_session_ends_the_session(ann, engine, leave):
    User.objects.create_user("bob")
    client = sign_in()
    client.get(leave)
    assert UserSession.objects.get(user=ann).status == Status.ENDED


def test_signing_in_again_replaces_the_session_on_its_client(ann, engine):
    client = sign_in()
    first = only_session()
    client.post("/login/", {"username": "ann", "password": "first password"})
    second = UserSession.objects.exclude(pk=first.pk).get()
    first.refresh_from_db()
    assert (first.status, second.client_id) == (Status.REPLACED, first.client_id)


def test_the_test_client_signs_in_and_out(ann):
    client = Client()
    client.force_login(ann)
    assert only_session().status == Status.ACTIVE
    client.logout()
    assert only_session().status == Status.ENDED


def test_nothing_of_the_django_session_is_stored(ann):
    client = sign_in()
    stored = [str(value) for row in UserSession.objects.values() for value in row.values()]
    stored += [str(value) for row in Event.objects.values() for value in row.values()]
    assert not any(client.session.session_key in value for value in stored)


def test_a_session_from_before_the_installation_is_adopted_once(ann, engine, settings):
    settings.MIDDLEWARE = [each for each in django_project.MIDDLEWARE if "user_sessions" not in each]
    client = Client()
    client.force_login(ann)
    assert not UserSession.objects.exists()
    settings.MIDDLEWARE = django_project.MIDDLEWARE
    client = with_cookies_of(client)
    seen = {client.get("/private/").json()["session"] for _ in range(3)}
    assert seen == {only_session().pk}
    assert only_session().verified_at.year == 1970


def test_adoption_can_be_turned_off(ann, settings):
    settings.USER_SESSIONS = {**settings.USER_SESSIONS, "ADOPT_DJANGO_SESSIONS": False}
    settings.MIDDLEWARE = [each for each in django_project.MIDDLEWARE if "user_sessions" not in each]
    client = Client()
    client.force_login(ann)
    settings.MIDDLEWARE = django_project.MIDDLEWARE
    assert with_cookies_of(client).get("/private/").json() == {"user": "ann", "session": None}


def with_cookies_of(client: Client) -> Client:
    other = Client()
    other.cookies = client.cookies
    return other


def test_a_changed_password_keeps_the_page_that_changed_it(ann, engine):
    client, other = sign_in(), sign_in()
    words = {"old_password": "first password", "new_password1": "a longer one 7", "new_password2": "a longer one 7"}
    assert client.post("/password/", words).status_code == 302
    assert is_signed_in(client)
    assert not is_signed_in(other)


@pytest.mark.parametrize("named", ["sess_gone", 7, ["sess"], {}, "", "sess_\0", "\ud800", "x" * 3000])
def test_a_link_that_names_no_session_signs_nobody_in(ann, engine, named):
    client = sign_in()
    link(client, named)
    assert not is_signed_in(client)


def test_a_link_to_the_session_of_another_user_signs_nobody_in(ann, workspace, engine):
    other = UserSession.objects.start(workspace, User.objects.create_user("bob"), actor="test")
    client = sign_in()
    link(client, other.pk)
    assert not is_signed_in(client)
    other.refresh_from_db()
    assert other.status == Status.ACTIVE


def link(client: Client, named: object) -> None:
    """Write another id into the Django session."""
    session = client.session
    session[SESSION_KEY] = named
    session.save()
    client.cookies["sessionid"] = session.session_key


def test_a_refused_login_signs_nobody_in(ann, workspace, engine):
    set_user_session_policy(workspace, limit=1, limit_policy=LimitPolicy.REFUSE)
    sign_in()
    client = Client()
    assert client.post("/login/", {"username": "ann", "password": "first password"}).status_code == 403
    assert not is_signed_in(client)


def test_the_oldest_login_makes_way_for_another(ann, workspace, engine):
    set_user_session_policy(workspace, limit=1, limit_policy=LimitPolicy.END_OLDEST)
    first, second = sign_in(), sign_in()
    assert (is_signed_in(first), is_signed_in(second)) == (False, True)


def test_an_idle_session_is_over(ann, workspace):
    set_user_session_policy(workspace, idle_lifetime=timedelta(hours=1))
    client = sign_in()
    UserSession.objects.update(expire_at=timezone.now() - timedelta(seconds=1))
    assert not is_signed_in(client)


def test_a_page_that_never_looks_costs_nothing(ann, django_assert_num_queries):
    client = sign_in()
    with django_assert_num_queries(0):
        client.get("/public/")


def test_a_page_of_a_signed_in_user_costs_no_query_more(ann, django_assert_num_queries):
    client = sign_in()
    with django_assert_num_queries(2):  # Django's session, and the user session with its user
        assert is_signed_in(client)


class OtherBackend(ModelBackend):
    def get_user(self, user_id: Any) -> Any:
        user = super().get_user(user_id)
        user.first_name = "from the other backend"
        return user


def test_another_backend_reads_the_user_itself(ann, settings, django_assert_num_queries):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OtherBackend"]
    client = sign_in()
    with django_assert_num_queries(3):
        assert client.get("/private/").wsgi_request.user.first_name == "from the other backend"


def test_the_user_of_a_removed_backend_is_anonymous(ann, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OtherBackend"]
    client = sign_in()
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    request = client.get("/public/").wsgi_request
    assert not request.user_session
    assert request.user.is_anonymous


def test_a_session_hash_of_a_former_secret_key_still_counts(ann, settings):
    client = sign_in()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 8, [settings.SECRET_KEY]
    assert is_signed_in(client)
    assert client.session["_auth_user_hash"] == ann.get_session_auth_hash()


def test_a_wrong_session_hash_signs_nobody_in(ann):
    client = sign_in()
    session = client.session
    session["_auth_user_hash"] = "forged"
    session.save()
    assert not is_signed_in(client)
    assert only_session().status == Status.ENDED


def test_use_is_recorded_once_in_the_interval(ann, django_assert_num_queries):
    client = sign_in()
    long_ago = timezone.now() - timedelta(minutes=5)
    UserSession.objects.update(last_active_at=long_ago)
    assert is_signed_in(client)
    assert only_session().last_active_at > long_ago
    with django_assert_num_queries(2):
        assert is_signed_in(client)


def test_a_session_key_that_is_cycled_keeps_its_session(ann, engine, settings):
    client = sign_in()
    session = client.session
    session.cycle_key()
    client.cookies["sessionid"] = session.session_key
    assert is_signed_in(client)


def test_saving_every_request_changes_nothing(ann, engine, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client = sign_in()
    assert is_signed_in(client)
    only_session().revoke(actor="test")
    assert not is_signed_in(client)


def test_a_database_that_is_away_is_503_and_signs_nobody_out(ann, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    client = sign_in()
    client.raise_request_exception = False
    with connection.execute_wrapper(away):
        response = client.get("/private/")
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert response.text == SessionsUnavailable.message  # as the guards of views say
    assert is_signed_in(client)


def away(*_: object) -> None:
    raise OperationalError("the server closed the connection unexpectedly")


def test_a_database_that_only_reads_signs_nobody_out(ann):
    client = sign_in()
    UserSession.objects.update(last_active_at=timezone.now() - timedelta(minutes=5))
    with connection.execute_wrapper(read_only):
        assert is_signed_in(client)


def read_only(execute: Any, sql: str, *rest: Any) -> Any:
    if sql.startswith(("UPDATE", "INSERT")):
        raise OperationalError("attempt to write a readonly database")
    return execute(sql, *rest)


def test_a_sign_in_without_a_django_session_is_ignored(ann, rf):
    user_logged_in.send(User, request=rf.get("/"), user=ann)
    user_logged_in.send(User, request=None, user=ann)
    assert not UserSession.objects.exists()


def test_without_the_middleware_a_login_leaves_no_session(ann, settings):
    settings.MIDDLEWARE = [each for each in django_project.MIDDLEWARE if "user_sessions" not in each]
    sign_in()
    assert not UserSession.objects.exists()


def test_without_a_default_workspace_a_login_works_and_has_no_session(ann, live_workspace, caplog):
    assert is_signed_in(sign_in())
    assert not UserSession.objects.exists()
    assert "DEFAULT_WORKSPACE" in caplog.text


def test_a_page_may_revoke_its_own_session(ann, engine):
    client = sign_in()
    assert client.get("/revoking/").status_code == 200
    assert not is_signed_in(client)


def test_the_view_of_the_documentation_signs_out_elsewhere(ann, rf):
    _, view = blocks("django-sign-ins.md", "python")
    names: dict[str, Any] = {}
    exec(compile(view, "django-sign-ins.md", "exec"), names)
    here, elsewhere = sign_in(), sign_in()
    request = rf.get("/")
    request.user, request.user_session = ann, UserSession.objects.earliest("created_at")
    assert names["sign_out_elsewhere"](request).status_code == 302
    assert (is_signed_in(here), is_signed_in(elsewhere)) == (True, False)


def test_the_middleware_above_that_of_django_is_reported(settings):
    settings.MIDDLEWARE = list(reversed(django_project.MIDDLEWARE))
    assert [message.id for message in check_middleware()] == ["user_sessions.E030"]


def test_the_middleware_of_the_documentation_passes_the_check(settings):
    settings_of_page, _ = blocks("django-sign-ins.md", "python")
    names: dict[str, Any] = {}
    exec(settings_of_page, names)
    settings.MIDDLEWARE = names["MIDDLEWARE"]
    assert not list(check_middleware())


def test_the_console_lists_a_sign_in_with_its_device_and_address(ann, admin_client):
    sign_in(**{"user-agent": PHONE})
    page = admin_client.get("/admin/user_sessions/usersession/").content.decode()
    assert " on iPhone, 127.0.0.1" in page


def looking_above(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware of a host that looks at the user before ours."""

    def middleware(request: Any) -> Any:
        assert request.user.is_authenticated is not None
        return get_response(request)

    return middleware


@pytest.mark.parametrize("why", OVER)
def test_the_view_is_anonymous_even_if_other_middleware_has_read_the_user(ann, engine, settings, why):
    ours = django_project.MIDDLEWARE.index("user_sessions.middleware.UserSessionMiddleware")
    middleware = list(django_project.MIDDLEWARE)
    middleware.insert(ours, f"{__name__}.looking_above")
    settings.MIDDLEWARE = middleware
    client = sign_in()
    OVER[why](only_session())
    assert not is_signed_in(client)
    assert USER_KEY not in client.session


@pytest.mark.parametrize("signal", [user_logged_in, user_logged_out])
@pytest.mark.parametrize("name", ["ann", "bob"])
def test_a_signal_without_a_login_or_log_out_changes_nothing(ann, engine, settings, signal, name):
    """As token packages send it for the user of a token."""
    user = User.objects.get_or_create(username=name)[0]
    client = sign_in()
    before = only_session()
    with announcing(signal, user):
        assert client.get("/public/").status_code == 200
    after = only_session()
    assert (after.pk, after.status, after.verified_at) == (before.pk, Status.ACTIVE, before.verified_at)
    assert is_signed_in(client)


@contextmanager
def announcing(signal: Any, user: User) -> Iterator[None]:
    original = django_project.public

    def view(request: Any) -> Any:
        signal.send(User, request=request, user=user)
        return original(request)

    pattern = next(each for each in django_project.urlpatterns if getattr(each, "callback", None) is original)
    pattern.callback = view
    try:
        yield
    finally:
        pattern.callback = original


def test_a_django_session_that_is_emptied_during_its_adoption_is_anonymous(ann, settings):
    settings.MIDDLEWARE = [each for each in django_project.MIDDLEWARE if "user_sessions" not in each]
    client = Client()
    client.force_login(ann)
    settings.MIDDLEWARE = django_project.MIDDLEWARE

    def delete(sender: Any, **_: Any) -> None:
        Session.objects.all().delete()

    post_save.connect(delete, sender=UserSession)
    try:
        assert client.get("/private/").status_code == 302
    finally:
        post_save.disconnect(delete, sender=UserSession)
    assert not UserSession.objects.exists()


def test_without_a_default_workspace_a_page_writes_nothing(ann, live_workspace, django_assert_num_queries):
    client = sign_in()
    with django_assert_num_queries(3):  # Django's session, the user, the workspaces
        assert is_signed_in(client)


def test_a_subclass_of_djangos_middleware_counts(settings):
    settings.MIDDLEWARE = [f"{__name__}.OwnAuthentication", django_project.MIDDLEWARE[-2]]
    assert not list(check_middleware())


class OwnAuthentication(AuthenticationMiddleware):
    pass


def test_near_the_end_of_its_life_a_session_costs_no_more(ann, django_assert_num_queries):
    client = sign_in()
    soon = timezone.now() + timedelta(minutes=5)
    UserSession.objects.update(expire_at=soon, latest_expire_at=soon)
    with django_assert_num_queries(2):
        assert is_signed_in(client)
