"""Limits of one call of client_sessions/list."""

from datetime import timedelta

import pytest
from django.utils import timezone

from client_sessions.models import ClientSession
from client_sessions.models.querysets import TOKEN
from sessions_core.crypto import tokens


@pytest.fixture
def many(workspace) -> list[ClientSession]:
    now = timezone.now()
    return ClientSession.objects.bulk_create(
        ClientSession(
            workspace=workspace,
            user_identifier_key=f"user {n}",
            token_short=TOKEN.new_short(),
            token_key=tokens.newest_key_id(),
            created_at=now + timedelta(milliseconds=n),
            expires_at=now + timedelta(days=1),
        )
        for n in range(1001)
    )


@pytest.mark.wire("S117")
def test_a_list_has_at_most_a_thousand_sessions(backend, many):
    refused = backend.get("client_sessions/list")
    assert (refused.status_code, refused.error) == (400, "invalid_input")
    assert "limit and page_cursor" in refused.json()["error"]["message"]
    many[0].delete()
    assert len(backend.get("client_sessions/list").json()["client_sessions"]) == 1000


def test_a_filter_finds_a_session_in_a_longer_list(backend, many):
    listed = backend.get("client_sessions/list", "?user_identifier_key=user+7").json()["client_sessions"]
    assert [session["user_identifier_key"] for session in listed] == ["user 7"]


@pytest.mark.wire("S118")
def test_pages_return_every_session(backend, many):
    seen, cursor = [], None
    while cursor or not seen:
        answer = backend.post("client_sessions/list", limit=400, page_cursor=cursor).json()
        seen += [session["client_session_id"] for session in answer["client_sessions"]]
        cursor = answer["pagination"]["next_page_cursor"]
    assert seen == [str(session.pk) for session in many]
