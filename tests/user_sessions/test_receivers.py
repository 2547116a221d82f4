"""What saving a user of the host changes here, and what it leaves alone."""

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.db import connection

from client_sessions.devices.models import Customer
from sessions_core.db import transactions
from user_sessions.models import UserSession


@pytest.fixture
def unmigrated(db, monkeypatch):
    """A database in which the host has its tables, and we do not have ours yet."""
    monkeypatch.setattr(transactions, "_found", set())
    with connection.cursor() as cursor:
        for table in ("user_sessions_usersession", "client_sessions_grant"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO not_yet_{table}")


def test_a_user_is_deactivated_before_our_tables_exist(u1, unmigrated):
    u1.is_active = False
    u1.save()
    assert not User.objects.get(pk=u1.pk).is_active  # on PostgreSQL no query follows one that failed


def test_a_registered_row_is_deleted_before_our_tables_exist(workspace, unmigrated):
    Customer.objects.create(workspace=workspace, key="c1").delete()
    assert not Customer.objects.exists()


def test_loading_a_fixture_signs_no_user_out(session, u1, tmp_path):
    u1.is_active = False
    fixture = tmp_path / "users.json"
    fixture.write_text(serializers.serialize("json", [u1]))
    call_command("loaddata", fixture, verbosity=0)
    assert UserSession.objects.get(pk=session.pk).stored_status == "active"


def test_saving_an_active_user_with_a_password_asks_nothing_more(session, u1, django_assert_num_queries):
    u1.set_password("a password")
    u1.save()
    user = User.objects.get(pk=u1.pk)
    with django_assert_num_queries(1):
        user.save(force_update=True)


def test_creating_an_inactive_user_asks_nothing_more(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        User(username="new", is_active=False).save()


def test_saving_a_row_of_another_model_asks_nothing_more(workspace, django_assert_num_queries):
    workspace.is_active = False
    with django_assert_num_queries(1):
        workspace.save(force_update=True)
