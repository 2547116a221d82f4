"""The console's list of tickets says what holds now."""

from datetime import timedelta

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from user_sessions.models import Epoch, Ticket

LIST = "/admin/user_sessions/ticket/"


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def issue(workspace, user, *, ago: timedelta = timedelta()) -> Ticket:
    at = timezone.now() - ago
    return Ticket.objects.issue(workspace, user, actor="test", lifetime=timedelta(hours=1), at=at)


def shown(root) -> str:
    page = root.get(LIST).content.decode()
    return page.partition('field-status_now">')[2].partition("<")[0]


def test_a_ticket_is_pending_until_it_expires(root, workspace, u1):
    issue(workspace, u1)
    assert shown(root) == "Pending"


def test_an_old_ticket_is_shown_as_expired(root, workspace, u1):
    ticket = issue(workspace, u1, ago=timedelta(hours=2))
    assert shown(root) == "Expired"
    assert "Expired" in root.get(f"{LIST}{quote(ticket.pk)}/change/").content.decode()


def test_a_ticket_before_an_epoch_is_shown_as_expired(root, workspace, u1):
    issue(workspace, u1)
    Epoch.objects.begin(workspace, actor="test")
    assert shown(root) == "Expired"


def test_the_list_takes_as_many_queries_with_many_tickets(root, workspace, u1):
    numbers = []
    root.get(LIST)
    for _ in range(2):
        issue(workspace, u1)
        with CaptureQueriesContext(connection) as queries:
            root.get(LIST)
        numbers.append(len(queries))
        for _ in range(20):
            issue(workspace, u1)
    assert numbers[0] == numbers[1]
