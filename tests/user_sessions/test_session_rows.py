"""Lists and reads of sessions show the same as the model, and their pages follow an index."""

import re
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.test_console_lists import plan_of, sorts
from tests.user_sessions.conftest import listed
from user_sessions.clerk.backend.backend_shapes import session_object
from user_sessions.clerk.versions import VERSIONS
from user_sessions.models import Epoch, Status, UserSession, session_rows
from user_sessions.models.session_rows import SessionRow
from user_sessions.user_agents import Device
from user_sessions.users import user_id

NOW = timezone.now()
WEEK = timedelta(days=7)
MOMENTS = [NOW, NOW + WEEK, NOW + 5 * WEEK]


@pytest.fixture
def every_status(workspace, u1, u2) -> list[UserSession]:
    """Start sessions of two users that differ in their status and in all that their JSON shows."""
    past = NOW - 2 * WEEK
    before = UserSession.objects.start(workspace, u1, actor="test", at=past, lifetime=4 * WEEK)
    Epoch.objects.begin(workspace, actor="test", at=past + timedelta(hours=1))
    start = partial(UserSession.objects.start, workspace, actor="test", at=NOW)
    device = Device(browser_name="Firefox", browser_version="1", device_type="", is_mobile=True, ip_address="192.0.2.1")
    sessions = [start(user) for user in (u1, u2) for _ in Status]
    for session, verb in zip(sessions, ["end", "revoke", "remove", "replace"] * 2, strict=False):
        getattr(session, verb)(actor="test", at=NOW)
    sessions += [start(u1, tasks=["choose-organization"]), start(u2, impersonator={"sub": "ann"}, device=device)]
    sessions += [start(u1, lifetime=timedelta(days=1)), start(get_user_model().objects.create_user("u3"))]
    get_user_model().objects.filter(username="u3").update(is_active=False)
    return [before, *sessions]


@pytest.mark.parametrize("at", MOMENTS)
def test_a_row_shows_what_the_model_shows(workspace, every_status, at):
    for session in UserSession.objects.with_status_facts():
        row = SessionRow.of_id(workspace.pk, session.pk)
        for version in VERSIONS:
            assert session_object(row, at=at, version=version) == session_object(session, at=at, version=version)


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("status", [None, *Status])
def test_a_page_has_what_the_queryset_finds(workspace, every_status, u1, status, at):
    for user, client in product([None, u1.pk], [None, every_status[1].client_id]):
        by = {name: value for name, value in {"user": user, "client": client}.items() if value}
        sessions = UserSession.objects.filter(workspace=workspace, **by)
        found = sessions.with_status(status, at=at) if status else sessions
        ids = list(found.order_by("-created_at", "-id").values_list("pk", flat=True))
        selection = SessionRow.select(workspace.pk, **by, status=status, at=at)
        assert selection.count() == len(ids)
        for limit, offset in [(500, 0), (2, 0), (2, 1), (500, 3), (1, 100)]:
            page = selection.page(limit=limit, offset=offset)
            assert [row.id for row in page] == ids[offset : offset + limit]


def test_other_workspaces_are_not_listed(elsewhere, every_status):
    assert SessionRow.select(elsewhere.pk, at=NOW).page(limit=500, offset=0) == []
    assert SessionRow.of_id(elsewhere.pk, every_status[0].pk) is None


def test_a_user_key_of_unknown_kind_is_listed_too(backend, u1, session, monkeypatch):
    monkeypatch.setattr(session_rows, "kind_of", lambda key: None)
    uncached = {name: getattr(session_rows, name).__wrapped__ for name in ("_pages", "_not_left", "_live")}
    for name, make in uncached.items():
        monkeypatch.setattr(session_rows, name, make)
    assert listed(backend, f"?user_id={user_id(u1.pk)}") == [session.pk]
    assert listed(backend, f"?user_id={user_id(u1.pk)}&offset=1&paginated=true") == []
    workspace = session.workspace
    assert session_rows.sessions_of(u1, workspace, at=NOW, most=5) == [session]
    assert [row.id for row in session_rows.live_sessions_of(u1, workspace, at=NOW, most=5)] == [session.pk]


LISTS = ["sessions?user_id={u1}", "sessions?client_id={client}", "sessions?user_id={u1}&offset=1", "jwt_templates"]


@pytest.mark.parametrize("path", [*LISTS, "clients", "sessions?user_id={u1}&status=active&paginated=true"])
def test_a_page_follows_an_index(backend, u1, session, path):
    for sql in statements(backend, "v1/" + path.format(u1=user_id(u1.pk), client=session.client_id)):
        plan = plan_of(sql, "enable_seqscan", "enable_bitmapscan")
        assert not re.search(r"^SCAN (?!\(|subquery)|Seq Scan on", plan, re.MULTILINE), (sql, plan)
        is_page = "ORDER BY" in sql and sql.count("LIMIT") and " IN (" not in sql
        assert not (is_page and sorts(sql)), plan_of(sql, "enable_sort")


def statements(caller: Any, path: str) -> list[str]:
    """Return the statements of a request after authentication."""
    with CaptureQueriesContext(connection) as captured:
        assert caller.get(path).status_code == 200
    return [query["sql"] for query in captured.captured_queries][1:]


@pytest.mark.parametrize("has_activity", [True, False])
def test_a_revoked_row_is_what_is_read_then(workspace, u1, has_activity):
    device = Device(browser_name="Firefox", browser_version="1", device_type="", is_mobile=True, ip_address="192.0.2.1")
    session = UserSession.objects.start(workspace, u1, actor="test", device=device if has_activity else None)
    for _ in range(2):  # the second time it is over
        row = SessionRow.revoke(workspace.pk, session.pk, actor="test", at=NOW + timedelta(hours=1))
        assert row.stored_status == "revoked" and row == SessionRow.of_id(workspace.pk, session.pk)


def test_a_row_of_another_workspace_is_not_revoked(workspace, live_workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test")
    assert SessionRow.revoke(live_workspace.pk, session.pk, actor="test", at=NOW) is None
    assert UserSession.objects.live().filter(pk=session.pk).exists()
