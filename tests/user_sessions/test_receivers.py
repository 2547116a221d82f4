"""Effects of saving a user of the host."""

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
    """Simulate a database without our tables."""
    monkeypatch.setattr(transactions, "_found", set())
    with connection.cursor() as cursor:
        for table in ("user_sessions_usersession", "client_sessions_grant"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO not_yet_{table}")


def test_a_user_can_be_deactivated_before_our_tables_exist(u1, unmigrated):
    u1.is_active = False
    u1.save()
    assert not User.objects.get(pk=u1.pk).is_active  # on PostgreSQL a failed query would break the transaction


def test_a_registered_row_can_be_deleted_before_our_tables_exist(workspace, unmigrated):
    Customer.objects.create(workspace=workspace, key="c1").delete()
    assert not Customer.objects.exists()


def test_loading_a_fixture_signs_no_user_out(session, u1, tmp_path):
    u1.is_active = False
    fixture = tmp_path / "users.json"
    fixture.write_text(serializers.serialize("json", [u1]))
    call_command("loaddata", fixture, verbosity=0)
    assert UserSession.objects.get(pk=session.pk).stored_status == "active"


def test_saving_an_active_user_costs_no_extra_query(session, u1, django_assert_num_queries):
    u1.set_password("a password")
    u1.save()
    user = User.objects.get(pk=u1.pk)
    with django_assert_num_queries(1):
        user.save(force_update=True)


def test_creating_an_inactive_user_costs_no_extra_query(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        User(username="new", is_active=False).save()


def test_saving_a_row_of_another_model_costs_no_extra_query(workspace, django_assert_num_queries):
    workspace.is_active = False
    with django_assert_num_queries(1):
        workspace.save(force_update=True)
