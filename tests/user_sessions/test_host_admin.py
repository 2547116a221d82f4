"""Deleting a user in the host's admin, which cascades to our rows."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from user_sessions.models import UserSession

pytestmark = pytest.mark.usefixtures("unseen_operators")

USERS = "/admin/auth/user/"


def signed_in(**user) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("operator", is_staff=True, **user))
    return client


def deleted_on_its_page(client, user):
    return client.post(f"{USERS}{user.pk}/delete/", {"post": "yes"})


def deleted_in_the_list(client, user):
    return client.post(USERS, {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"})


@pytest.mark.parametrize("delete", [deleted_on_its_page, deleted_in_the_list])
def test_a_superuser_deletes_a_user_who_has_sessions(everything, delete):
    assert delete(signed_in(is_superuser=True), everything).status_code == 302
    assert not User.objects.filter(pk=everything.pk).exists()
    assert not UserSession.objects.exists()


@pytest.mark.parametrize("delete", [deleted_on_its_page, deleted_in_the_list])
def test_staff_need_the_permission_for_the_rows_that_go_too(everything, delete):
    client = signed_in()
    mine = Permission.objects.filter(codename__in=["delete_user", "view_user"])
    User.objects.get(username="operator").user_permissions.set(mine)
    assert delete(client, everything).status_code == 403
    theirs = ["delete_usersession", "delete_ticket", "delete_personalaccesstoken", "delete_activity"]
    User.objects.get(username="operator").user_permissions.add(*Permission.objects.filter(codename__in=theirs))
    assert delete(client, everything).status_code == 302


def test_no_page_of_ours_deletes_a_session(session):
    client = signed_in(is_superuser=True)
    page = "/admin/user_sessions/usersession/"
    assert client.post(f"{page}{session.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(page, {"action": "delete_selected", "_selected_action": [session.pk], "post": "yes"})
    assert UserSession.objects.get() == session
