"""The page of a user shows their sessions and signs them out everywhere."""

from importlib import import_module, reload

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import clear_url_caches

from client_sessions.models import ClientSession, PersonalAccessToken
from sessions_core import passes
from sessions_core.console.console_permissions import REFUSED
from sessions_core.console.user_sections import UserSectionsMixin, extend_stock_page
from sessions_core.models import ApiKey, Event
from user_sessions.models import UserSession

pytestmark = pytest.mark.usefixtures("unseen_operators")

USERS = "/admin/auth/user/"
CONFIRMED = {"confirmed": "yes", "reason": "stolen phone"}
VIEW_TOKENS = "view_personalaccesstoken"


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def staff(*codenames: str) -> Client:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, user) -> str:
    return client.get(f"{USERS}{user.pk}/change/").content.decode()


def sign_out(user) -> str:
    return f"/admin/user_sessions/usersession/of_user/{user.pk}/sign_out/"


def test_the_stock_page_has_the_sessions_and_what_was_given_out(root, u1, session, workspace):
    PersonalAccessToken.objects.issue(u1, [workspace], name="backup script", actor="test")
    ClientSession.objects.start(workspace, actor="test", user_identifier_key=u1.get_username())
    page = page_of(root, u1)
    assert "Sessions and devices" in page and f'href="{sign_out(u1)}"' in page
    assert "backup script" in page and "client session " in page


def test_a_user_is_signed_out_everywhere_from_their_page(root, u1, u2, workspace, session):
    other = UserSession.objects.start(workspace, u2, actor="test")
    assert "Reason (recorded with your name)" in root.get(sign_out(u1)).content.decode()
    done = root.post(sign_out(u1), CONFIRMED, follow=True)
    assert done.redirect_chain == [(f"{USERS}{u1.pk}/change/", 302)]
    assert list(UserSession.objects.live()) == [other]
    assert Event.objects.get(type="user_session.revoked", subject=session.pk).data["reason"] == "stolen phone"


def test_a_reason_is_required(root, u1, session):
    root.post(sign_out(u1), {"confirmed": "yes", "reason": " "})
    assert UserSession.objects.live().filter(pk=session.pk).exists()


@pytest.mark.parametrize("key", ["0", "💥", "x", "9" * 40])
def test_an_unknown_user_is_not_found(root, key):
    assert root.post(f"/admin/user_sessions/usersession/of_user/{key}/sign_out/", CONFIRMED).status_code == 404


def test_staff_without_permissions_see_no_sessions_and_sign_nobody_out(u1, session):
    client = staff("view_user")
    assert "Sessions and devices" not in page_of(client, u1)
    assert client.post(sign_out(u1), CONFIRMED).status_code == 403
    assert Event.objects.filter(type=REFUSED).count() == 1


def test_saving_the_page_of_a_user_works_as_before(root, u1):
    page = root.get(f"{USERS}{u1.pk}/change/")
    form = page.context["adminform"].form
    given = {name: form.initial[name] for name in form.fields if form.initial.get(name)}
    given |= {"first_name": "Ann", "date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    answer = root.post(f"{USERS}{u1.pk}/change/", given)
    u1.refresh_from_db()
    assert (answer.status_code, u1.first_name) == (302, "Ann")


def test_adding_a_user_shows_no_sections(root):
    assert "Sessions and devices" not in root.get(f"{USERS}add/").content.decode()


def test_the_page_takes_as_many_queries_with_thirty_sessions(root, u1, workspace, session):
    numbers = []
    page_of(root, u1)
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page_of(root, u1)
        numbers.append(len(queries))
        for _ in range(30):
            UserSession.objects.start(workspace, u1, actor="test")
    assert numbers[0] == numbers[1]


def test_a_page_of_the_host_is_not_changed(monkeypatch, db):
    class HostUserAdmin(UserAdmin):
        pass

    own = HostUserAdmin(get_user_model(), admin.site)
    monkeypatch.setitem(admin.site._registry, get_user_model(), own)
    extend_stock_page()
    assert admin.site._registry[get_user_model()] is own


def test_a_host_adds_the_mixin_to_a_page_of_its_own(u1, session):
    class HostUserAdmin(UserSectionsMixin, UserAdmin):
        fieldsets = ((None, {"fields": ("username",)}),)

    request = RequestFactory().get("/")
    request.user = get_user_model()(is_superuser=True, is_active=True)
    fieldsets = HostUserAdmin(get_user_model(), admin.site).get_fieldsets(request, u1)
    [section, *_] = [field for field in fieldsets[-1][1]["fields"] if field.short_description == "Sessions and devices"]
    assert quote(session.pk) in section(u1) and not issubclass(type(admin.site._registry[Group]), UserSectionsMixin)


@pytest.fixture
def without_page():
    """Take pages from the site, as a host does with ``admin.site.unregister``."""
    taken = {}

    def take(*models):
        taken.update({model: admin.site._registry.pop(model) for model in models})
        _route_again()

    yield take
    admin.site._registry.update(taken)
    _route_again()


def _route_again() -> None:
    clear_url_caches()
    reload(import_module(settings.ROOT_URLCONF))


def test_a_host_without_the_page_of_sessions_keeps_its_page_of_users(root, u1, session, without_page):
    without_page(UserSession)
    page = page_of(root, u1)
    assert "Sessions and devices" in page and "sign_out" not in page


def test_a_host_without_the_pages_of_sessions_and_events_keeps_the_others(root, workspace, session, without_page):
    key, _ = ApiKey.objects.issue(workspace, name="n", actor="test")
    Event.objects.record("client.renamed", subject="x", workspace_id=workspace.pk, actor=key.actor)
    without_page(UserSession, Event)
    assert "client.renamed" in root.get(f"/admin/sessions_core/apikey/{key.pk}/change/").content.decode()
    assert root.get("/admin/user_sessions/client/").status_code == 200


@pytest.mark.parametrize(("codenames", "is_seen"), [(["view_user"], False), (["view_user", VIEW_TOKENS], True)])
def test_access_tokens_are_shown_to_operators_with_their_permission(u1, workspace, codenames, is_seen):
    PersonalAccessToken.objects.issue(u1, [workspace], name="backup script", actor="test")
    page = page_of(staff(*codenames), u1)
    assert ("backup script" in page, "Access tokens" in page) == (is_seen, is_seen)


def test_passes_without_a_permission_are_on_no_page_of_a_user(root, u1, monkeypatch):
    monkeypatch.setattr(passes, "_kinds", {})
    passes.register("feed", lambda user: 1 / 0, label="feed")
    assert "Access tokens" not in page_of(root, u1)


def test_signing_out_takes_as_many_queries_with_thirty_sessions(root, u1, workspace, session):
    numbers = []
    root.get(sign_out(u1))
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            root.get(sign_out(u1))
        numbers.append(len(queries))
        for _ in range(30):
            UserSession.objects.start(workspace, u1, actor="test")
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("codenames", "lands"),
    [
        (["view_user"], "/admin/auth/user/{key}/change/"),
        (["view_usersession"], "/admin/user_sessions/usersession/?user={key}"),
        ([], "/admin/"),
    ],
)
def test_signing_out_leads_to_a_page_that_the_operator_may_see(u1, session, codenames, lands):
    client = staff("revoke_usersession", *codenames)
    done = client.post(sign_out(u1), CONFIRMED, follow=True)
    assert done.redirect_chain == [(lands.format(key=u1.pk), 302)] and done.status_code == 200
    assert not UserSession.objects.live().exists()
