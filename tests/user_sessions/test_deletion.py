"""Events and webhooks when users and sessions are deleted."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from client_sessions.models import ClientSession
from sessions_core.models import Event, WebhookEndpoint, WebhookMessage
from user_sessions.models import Client, UserSession


def reported() -> set[tuple[str, str, str]]:
    ends = Event.objects.filter(actor__startswith="system:")
    return {(event.type, event.actor, event.data.get("reason", "")) for event in ends}


def test_events_report_the_rows_deleted_with_a_user(everything):
    everything.delete()
    assert reported() == {
        ("user_session.revoked", "system:user_deleted", "user_deleted"),
        ("sign_in_token.revoked", "system:user_deleted", ""),
        ("personal_access_token.revoked", "system:user_deleted", "user_deleted"),
    }


def test_a_webhook_reports_the_sessions_of_a_deleted_user(workspace, session, u1):
    WebhookEndpoint.objects.add(workspace, "https://example.com/hooks", actor="test")
    u1.delete()
    message = WebhookMessage.objects.get()
    assert (message.type, session.pk in message.body, "Maria" in message.body) == ("session.revoked", True, True)


def test_deleting_a_user_of_many_sessions_takes_no_more_queries(workspace, u1, u2):
    WebhookEndpoint.objects.add(workspace, "http://127.0.0.1:9/", actor="test")
    counts = []
    first = type(u1).objects.create_user("first")  # whose deletion also looks for a table, once in a process
    for user, sessions in ((first, 1), (u1, 2), (u2, 12)):
        for _ in range(sessions):
            UserSession.objects.start(workspace, user, actor="test")
        with CaptureQueriesContext(connection) as captured:
            user.delete()
        counts.append(len(captured))
    assert counts[1] == counts[2]


@pytest.mark.parametrize("delete", [lambda row: row.delete(), lambda row: UserSession.objects.all().delete()])
def test_events_report_a_deleted_session(session, delete):
    delete(session)
    assert not UserSession.objects.exists()
    assert reported() == {("user_session.revoked", "system:session_deleted", "session_deleted")}


@pytest.mark.parametrize("delete", [lambda row: row.delete(), lambda row: Client.objects.all().delete()])
def test_events_report_the_sessions_of_a_deleted_client(session, delete):
    delete(session.client)
    assert not UserSession.objects.exists()
    assert reported() == {("user_session.revoked", "system:client_deleted", "client_deleted")}


@pytest.mark.parametrize("delete", [lambda row: row.delete(), lambda row: ClientSession.objects.all().delete()])
def test_events_report_a_deleted_client_session(workspace, delete):
    delete(ClientSession.objects.start(workspace, actor="test"))
    assert not ClientSession.objects.exists()
    assert reported() == {("client_session.deleted", "system:session_deleted", "")}
