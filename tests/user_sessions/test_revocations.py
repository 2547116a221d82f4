"""A durable revocation survives the roll-back of the request that asked for it."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient as AsyncBrowser
from django.test import Client as Browser
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from sessions_core.models import Event
from user_sessions.models import UserSession
from user_sessions.revocations import RevocationScope, arevoke_durably, revoke_durably
from user_sessions.signals import session_ended

pytestmark = pytest.mark.django_db(transaction=True)

TEST = {"actor": "test", "reason": "too many codes"}

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "user_sessions.middleware.UserSessionMiddleware",
]


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def refuse(request: Any, id: str, how: str) -> Response:
    """Revoke the session of somebody who typed too many codes, then raise."""
    session = UserSession.objects.get(pk=id)
    match how:
        case "plainly":
            session.revoke(**TEST)
        case "durably":
            revoke_durably(session, **TEST)
        case "all of them":
            revoke_durably(UserSession.objects.of_user(session.user_id), **TEST)
    raise PermissionDenied


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def refuse_mine(request: Any) -> Response:
    revoke_durably(request.user_session, **TEST)
    raise PermissionDenied


def whose(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.user))


def crash(request: HttpRequest, id: str) -> HttpResponse:
    revoke_durably(UserSession.objects.get(pk=id), **TEST)
    raise ZeroDivisionError


def accept(request: HttpRequest, id: str) -> HttpResponse:
    revoke_durably(UserSession.objects.get(pk=id), **TEST)
    return HttpResponse()


urlpatterns = [
    path("refuse/<id>/<how>", refuse),
    path("mine", refuse_mine),
    path("whose", whose),
    path("crash/<id>", crash),
    path("accept/<id>", accept),
]


@pytest.fixture
def post(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a function that calls a view of a project with ``ATOMIC_REQUESTS``."""
    settings.ROOT_URLCONF, settings.MIDDLEWARE = __name__, MIDDLEWARE
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    return Browser(raise_request_exception=False).post


def stored(session: UserSession) -> UserSession:
    return UserSession.objects.get(pk=session.pk)


def test_a_plain_revocation_is_rolled_back_with_the_rest_of_the_view(post, session):
    assert post(f"/refuse/{session.pk}/plainly").status_code == 403
    assert stored(session).status == "active"


@pytest.mark.parametrize("how", ["durably", "all of them"])
def test_a_durable_revocation_survives_an_error_of_rest_framework(post, session, how):
    assert post(f"/refuse/{session.pk}/{how}").status_code == 403
    row = stored(session)
    assert (row.status, row.closed_by, row.close_reason) == ("revoked", "test", "too many codes")
    assert Event.objects.filter(type="user_session.revoked", subject=session.pk).count() == 1


def test_a_durable_revocation_survives_a_crash(post, session):
    assert post(f"/crash/{session.pk}").status_code == 500
    assert stored(session).status == "revoked"


def test_a_revocation_that_committed_is_written_and_announced_once(post, session):
    heard: list[Any] = []

    def receiver(session_ids: list[str], **_: Any) -> None:
        heard.append(session_ids)

    session_ended.connect(receiver)
    try:
        post(f"/accept/{session.pk}")
        post(f"/refuse/{session.pk}/durably")
    finally:
        session_ended.disconnect(receiver)
    assert heard == [[session.pk]]
    assert Event.objects.filter(type="user_session.revoked").count() == 1


def test_a_revocation_that_committed_costs_no_query_at_the_end(session, django_assert_num_queries):
    scope = RevocationScope().__enter__()
    with transaction.atomic():
        revoke_durably(session, **TEST)
    with django_assert_num_queries(0):
        scope.__exit__()


def test_a_block_that_is_rolled_back_alone_loses_no_revocation(session):
    with RevocationScope(), transaction.atomic():
        with transaction.atomic():
            revoke_durably(session, **TEST)
            transaction.set_rollback(True)
        assert stored(session).status == "active"
    assert stored(session).status == "revoked"


def test_a_transaction_around_the_scope_may_commit_later(session, caplog):
    with transaction.atomic(), RevocationScope():
        revoke_durably(session, **TEST)
    assert stored(session).status == "revoked"
    assert caplog.text == ""


def test_a_session_that_the_same_transaction_had_ended_is_revoked(session):
    with RevocationScope(), transaction.atomic():
        session.end(actor="test")
        assert revoke_durably(session, **TEST) == []
        transaction.set_rollback(True)
    assert stored(session).status == "revoked"


def test_many_sessions_are_revoked_in_batches(workspace, u1, monkeypatch):
    monkeypatch.setattr("user_sessions.revocations.BATCH", 2)
    for _ in range(5):
        UserSession.objects.start(workspace, u1, actor="test")
    with RevocationScope(), transaction.atomic():
        assert len(revoke_durably(UserSession.objects.of_user(u1), **TEST)) == 5
        transaction.set_rollback(True)
    assert not UserSession.objects.live().exists()


def test_it_works_asynchronously(session):
    def view() -> None:
        with transaction.atomic():
            async_to_sync(arevoke_durably)(session, **TEST)
            transaction.set_rollback(True)

    async def story() -> None:
        async with RevocationScope():
            await sync_to_async(view)()

    async_to_sync(story)()
    assert stored(session).status == "revoked"


def test_it_works_under_asgi(post, session):
    browser = AsyncBrowser(raise_request_exception=False)
    assert async_to_sync(browser.post)(f"/refuse/{session.pk}/durably").status_code == 403
    assert stored(session).status == "revoked"


def test_outside_of_a_transaction_it_needs_no_middleware(session):
    assert revoke_durably(session, **TEST) == [session.pk]
    assert session.status == "revoked"


def test_without_the_middleware_a_transaction_is_refused_and_nothing_is_written(session):
    with transaction.atomic(), pytest.raises(ImproperlyConfigured, match="UserSessionMiddleware in MIDDLEWARE"):
        revoke_durably(session, **TEST)
    assert stored(session).status == "active"


def test_its_own_session_is_revoked_by_a_request_that_fails(post, u1):
    browser = Browser(raise_request_exception=False)
    browser.force_login(u1)
    session = UserSession.objects.get()
    assert browser.post("/mine").status_code == 403
    assert stored(session).status == "revoked"
    browser.post("/whose")
    assert SESSION_KEY not in browser.session


@pytest.mark.parametrize("wrong", [None, "sess_1", UserSession, 7])
def test_anything_but_sessions_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^sessions must be a UserSession or a queryset"):
        revoke_durably(wrong, **TEST)


def test_a_scope_ends_with_its_request(session):
    with RevocationScope():
        pass
    with transaction.atomic(), pytest.raises(ImproperlyConfigured):
        revoke_durably(session, **TEST)
