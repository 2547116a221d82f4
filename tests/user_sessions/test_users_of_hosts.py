"""User models of hosts with any primary key and manager work on every database or are refused by a check."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import UserManager
from django.db import models
from django.db.models import Count, F, Window
from django.db.models.functions import Lower, RowNumber
from django.utils import timezone

from tests.callers import bearer
from tests.client_sessions.hosts_models import KEYED, KEYS, REFUSED_KEYS, Pair
from tests.policies import set_user_session_policy
from tests.user_sessions.conftest import listed
from user_sessions import checks, users
from user_sessions.models import JwtTemplate, Ticket, UserSession
from user_sessions.models.jwt_templates import Definition
from user_sessions.tokens import session_tokens

SHAPES = {
    "annotating": lambda rows: rows.annotate(teams=Count("groups")),
    "numbering": lambda rows: rows.annotate(number=Window(RowNumber(), order_by="username")),
    "joining": lambda rows: rows.prefetch_related("groups").filter(groups__name="staff"),
    "distinct": lambda rows: rows.distinct(),
    "excluding": lambda rows: rows.exclude(groups__name="hidden"),
    "ordering": lambda rows: rows.order_by(Lower("username"), F("last_login").desc(nulls_last=True)),
    "deferring": lambda rows: rows.only("username"),
    "values of others": lambda rows: rows.filter(pk__in=rows.values("pk")),
}
UNFILTERABLE = {"a union": lambda rows: rows.union(rows), "a slice": lambda rows: rows[:5]}
PASSWORD = "correct horse"


@pytest.fixture(params=["sandbox", "live"])
def tenant(request, workspace, live_workspace) -> Any:
    set_user_session_policy(live_workspace, backend_sessions_enabled=True)
    live_workspace.save()
    return workspace if request.param == "sandbox" else live_workspace


@pytest.fixture
def user(db: None) -> Any:
    made = get_user_model().objects.create_user("u1", password=PASSWORD)
    made.groups.create(name="staff")
    return made


def shape(monkeypatch, change) -> None:
    plain = models.Manager.get_queryset
    monkeypatch.setattr(UserManager, "get_queryset", lambda manager: change(plain(manager)))


@pytest.mark.parametrize("kind", SHAPES)
def test_every_verb_works_with_any_default_manager(monkeypatch, tenant, user, kind):
    shape(monkeypatch, SHAPES[kind])
    assert list(checks.check_user_model()) == []
    now = timezone.now()
    session = UserSession.objects.start(tenant, user, actor="test", at=now)
    assert session.require("setup", actor="test")
    assert session.fulfil("setup", actor="test")
    assert session.touch(at=now + timedelta(minutes=2))
    template = JwtTemplate.objects.define(tenant, Definition(name="t", claims={"n": "{{user.username}}"}), actor="test")
    minting = UserSession.minting(tenant, session.pk, at=now)
    assert session_tokens.session_token(minting, at=now)
    assert session_tokens.template_token(minting, template, at=now)
    assert session.end(actor="test")
    assert UserSession.objects.start(tenant, user, actor="test").revoke(actor="test")
    ticket = Ticket.objects.issue(tenant, user, actor="test", lifetime=timedelta(hours=1))
    ticket.accept(actor="test")
    user.is_active = False
    user.save()
    assert UserSession.minting(tenant, session.pk, at=now) is None


@pytest.mark.parametrize("kind", SHAPES)
def test_every_backend_call_works_with_any_default_manager(monkeypatch, tenant, user, key_of, kind):
    shape(monkeypatch, SHAPES[kind])
    backend, id = bearer(key_of(tenant)), users.user_id(user.pk)
    session = backend.post("v1/sessions", user_id=id).json()["id"]
    assert backend.get(f"v1/users/{id}").json()["id"] == id
    assert backend.post(f"v1/sessions/{session}/tokens").status_code == 200
    for kind_of_ticket, more in (("sign_in_tokens", {}), ("actor_tokens", {"actor": {"sub": "user_0"}})):
        assert backend.post(f"v1/{kind_of_ticket}", user_id=id, **more).status_code == 200
    assert backend.post(f"v1/users/{id}/revoke_sessions").status_code == 200


@pytest.mark.parametrize("kind", SHAPES)
def test_a_password_signs_in_with_any_default_manager(monkeypatch, user, browser, kind):
    shape(monkeypatch, SHAPES[kind])
    answer = browser.post("v1/client/sign_ins", identifier="u1", password=PASSWORD, strategy="password")
    assert answer.status_code == 200, answer.content
    assert UserSession.objects.get().user_id == user.pk


@pytest.mark.parametrize("kind", UNFILTERABLE)
def test_the_checks_refuse_a_manager_that_cannot_be_filtered(monkeypatch, kind):
    shape(monkeypatch, UNFILTERABLE[kind])
    (refusal,) = checks.check_user_model()
    assert refusal.id == "user_sessions.E020"
    assert kind in refusal.msg


def of_model(monkeypatch, model: Any) -> None:
    for module in (users, checks):
        monkeypatch.setattr(module, "get_user_model", lambda: model)


@pytest.mark.parametrize("kind", KEYS)
def test_a_user_is_found_by_every_supported_kind_of_id(monkeypatch, kind):
    of_model(monkeypatch, KEYED[kind])
    key = KEYED[kind]._meta.pk.to_python(KEYS[kind][1])
    assert list(checks.check_user_model()) == []
    assert users.key_of(users.user_id(key)) == key


@pytest.mark.parametrize("key", [0, -1, -(2**63) + 1, 10**18, 1_234_567_890_123_456_789, 2**63 - 1])
def test_every_number_in_range_is_a_valid_id(monkeypatch, key):
    of_model(monkeypatch, KEYED["big auto"])
    assert users.key_of(f"user_{key}") == key


@pytest.mark.parametrize("key", [2**63, -(2**63) - 1, 10**30])
def test_a_number_out_of_range_is_an_invalid_id(monkeypatch, workspace, key):
    of_model(monkeypatch, KEYED["big auto"])
    assert users.key_of(f"user_{key}") is None


@pytest.mark.parametrize("key", [2**31, 2**40, 10**18, 2**63 - 1])
def test_a_number_out_of_range_finds_no_user(workspace, backend, key):
    assert backend.get(f"v1/users/user_{key}").status_code == 404
    assert listed(backend, f"?user_id=user_{key}") == []
    assert backend.post(f"v1/users/user_{key}/revoke_sessions").status_code in (200, 404)


@pytest.mark.parametrize("model", [*REFUSED_KEYS.values(), Pair], ids=[*REFUSED_KEYS, "composite"])
def test_the_checks_refuse_an_unsupported_primary_key(monkeypatch, model):
    of_model(monkeypatch, model)
    (refusal,) = checks.check_user_model()
    assert refusal.id == "user_sessions.E021"
    assert "must be an integer, a UUID or text" in refusal.msg
