"""Sensitive actions of the console require a recent authentication, if the project can ask for one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from sessions_core.models import ApiKey, Event, WebhookEndpoint, Workspace
from tests.user_sessions import django_project
from user_sessions.console import bulk_views
from user_sessions.console.operator_authentication import RECENTLY
from user_sessions.models import SigningKey, UserSession

PASSWORD = "a long password of an operator"
SESSIONS = "/admin/user_sessions/usersession/"
BULK = f"{SESSIONS}bulk_revoke/"
KEYS = "/admin/sessions_core/apikey/"
SIGNING_KEYS = "/admin/user_sessions/signingkey/"
STALE = timedelta(minutes=RECENTLY, seconds=5)


@pytest.fixture(autouse=True)
def project(settings: Any, tmp_path: Any, workspace: Workspace) -> None:
    django_project.install(settings, tmp_path)


def operator(*, age: timedelta = STALE, **user: Any) -> Client:
    """Return the browser of an operator who authenticated this long ago."""
    client = Client()
    client.force_login(User.objects.create_user("operator", password=PASSWORD, is_staff=True, **user))
    UserSession.objects.update(verified_at=timezone.now() - age)
    return client


@pytest.fixture
def addresses(workspace: Workspace, django_user_model: Any) -> dict[str, str]:
    """Return the address of each action that asks, by its name."""
    key, _ = ApiKey.objects.issue(workspace, name="backend", actor="test")
    signing_key = SigningKey.objects.current(workspace)
    endpoint, _ = WebhookEndpoint.objects.add(workspace, "https://hooks.example.com/", actor="test")
    hooks = "/admin/sessions_core/webhookendpoint/"
    for n in range(3):
        UserSession.objects.start(workspace, django_user_model.objects.create_user(f"u{n}"), actor="test")
    return {
        "create an API key": f"{KEYS}add/",
        "roll an API key": f"{KEYS}{key.pk}/roll/",
        "revoke an API key": f"{KEYS}{key.pk}/act/revoke/",
        "rotate a signing key": f"{SIGNING_KEYS}rotate/{workspace.pk}/",
        "retire a signing key": f"{SIGNING_KEYS}{signing_key.pk}/act/retire/",
        "revoke a signing key": f"{SIGNING_KEYS}{signing_key.pk}/act/revoke/",
        "add a webhook": f"{hooks}add/",
        "change the URL of a webhook": f"{hooks}{endpoint.pk}/edit/",
        "replace the secret of a webhook": f"{hooks}{endpoint.pk}/rotate/",
        "sign in as a user": f"/admin/user_sessions/ticket/of_user/{UserSession.objects.first().user_id}/impersonate/",
        "sign out every user of a workspace": "/admin/user_sessions/epoch/add/",
        "revoke many sessions": f"{BULK}?status_now=live",
    }


def is_asked(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith("/reauthenticate/")


def test_a_stale_operator_is_asked_first_and_nothing_changes(addresses, monkeypatch):
    monkeypatch.setattr(bulk_views, "MOST_UNASKED", 2)
    client = operator(is_superuser=True)
    events = Event.objects.count()
    form = {"confirmed": "yes", "overlap": "day", "reason": "x"}
    asked = {name: (is_asked(client.get(at)), is_asked(client.post(at, form))) for name, at in addresses.items()}
    assert asked == dict.fromkeys(addresses, (True, True))
    assert Event.objects.count() == events


def test_an_operator_who_authenticated_recently_is_not_asked(addresses, monkeypatch):
    monkeypatch.setattr(bulk_views, "MOST_UNASKED", 2)
    client = operator(is_superuser=True, age=timedelta(minutes=RECENTLY - 1))
    answers = {name: client.get(address).status_code for name, address in addresses.items()}
    assert answers == dict.fromkeys(addresses, 200)


def test_the_password_leads_back_to_the_page(addresses):
    client, address = operator(is_superuser=True), addresses["roll an API key"]
    page = client.get(address)["Location"]
    assert client.post(page, {"password": PASSWORD, "next": address})["Location"] == address
    assert "overlap" in client.get(address).content.decode()


def test_a_preview_that_grew_old_is_not_confirmed(addresses, monkeypatch):
    monkeypatch.setattr(bulk_views, "MOST_UNASKED", 2)
    client = operator(is_superuser=True, age=timedelta())
    preview = client.get(addresses["revoke many sessions"]).context["form"].initial["preview"]
    UserSession.objects.update(verified_at=timezone.now() - STALE)
    form = {"preview": preview, "reason": "a leak", "everything": "on"}
    assert is_asked(client.post(BULK, form))
    assert not Event.objects.filter(type="user_session.revoked").exists()


def test_few_sessions_and_other_actions_do_not_ask(addresses):
    client = operator(is_superuser=True)
    session = UserSession.objects.exclude(user__username="operator").first()
    one = f"{SESSIONS}{session.pk.replace('_', '_5F')}/act/revoke/"
    for address in (addresses["revoke many sessions"], one, KEYS, SESSIONS):
        assert client.get(address).status_code == 200


def test_an_action_on_a_whole_list_asks(addresses):
    client = operator(is_superuser=True)
    form = {"action": "revoke", "select_across": "1", "_selected_action": [UserSession.objects.latest("created_at").pk]}
    assert is_asked(client.post(SESSIONS, form))


def test_who_may_not_act_is_refused_and_not_asked(addresses):
    client = operator()
    permissions = Permission.objects.filter(codename__startswith="view_")
    User.objects.get(username="operator").user_permissions.set(permissions)
    answers = {name: client.post(address).status_code for name, address in addresses.items()}
    assert set(answers.values()) == {403}
    assert Event.objects.filter(type="console.refused").count() == len(addresses)


@pytest.mark.parametrize("missing", ["the middleware", "the page"])
def test_a_project_that_cannot_ask_requires_nothing(missing, addresses, settings, monkeypatch):
    if missing == "the middleware":
        client = operator(is_superuser=True)
        settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "user_sessions" not in each]
    else:
        client = operator(is_superuser=True)
        monkeypatch.setattr("user_sessions.reauthentication.OUR_PAGE", "user_sessions:none")
    assert client.get(addresses["roll an API key"]).status_code == 200


def test_an_operator_without_a_user_session_is_not_asked(addresses, elsewhere):
    client = operator(is_superuser=True)  # there are two workspaces, and none is the default
    assert not UserSession.objects.filter(user__username="operator").exists()
    assert client.get(addresses["roll an API key"]).status_code == 200
