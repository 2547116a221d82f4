"""A password change and a deactivation by ``update()`` end sessions and tickets."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.forms import AdminPasswordChangeForm, SetPasswordForm
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client as Visitor
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_core.models import Event
from tests.policies import set_user_session_policy
from tests.user_sessions.conftest import listed
from user_sessions.checks import check_settings
from user_sessions.models import NotPending, Status, Ticket, TicketExpired, UserSession
from user_sessions.password_changes import keep_session
from user_sessions.users import user_id

HOUR = timedelta(hours=1)
PASSWORD, OTHER = "correct horse battery staple", "pi is exactly three, roughly"


@pytest.fixture
def ann(u1: Any) -> Any:
    u1.set_password(PASSWORD)
    u1.save()
    return type(u1).objects.get(pk=u1.pk)


@pytest.fixture
def ann_session(workspace: Any, ann: Any) -> UserSession:
    return UserSession.objects.start(workspace, ann, actor="test")


@pytest.fixture
def ticket(workspace: Any, ann: Any) -> Ticket:
    return Ticket.objects.issue(workspace, ann, actor="test", lifetime=HOUR)


def by_save(user):
    user.set_password(OTHER)
    user.save()


def by_save_of_one_field(user):
    user.set_password(OTHER)
    user.save(update_fields=["password"])


def by_form(user):
    form = SetPasswordForm(user, {"new_password1": OTHER, "new_password2": OTHER})
    assert form.is_valid()
    form.save()


def by_admin_form(user):
    form = AdminPasswordChangeForm(user, {"password1": OTHER, "password2": OTHER, "usable_password": "true"})
    assert form.is_valid(), form.errors
    form.save()


def by_being_unusable(user):
    user.set_unusable_password()
    user.save(update_fields=["password"])


def by_assignment(user):
    user.password = make_password(OTHER)
    user.save(update_fields=["password"])


def by_update(user):
    type(user).objects.filter(pk=user.pk).update(password=make_password(OTHER))


def by_bulk_update(user):
    user.password = make_password(OTHER)
    type(user).objects.bulk_update([user], ["password"])


TOLD = [by_save, by_save_of_one_field, by_form, by_admin_form, by_being_unusable]
UNTOLD = [by_assignment, by_update, by_bulk_update]


def status(session: UserSession) -> str:
    return UserSession.objects.get(pk=session.pk).status_at(timezone.now())


@pytest.mark.parametrize("change", TOLD + UNTOLD)
def test_a_session_is_revoked_however_the_password_changes(backend, ann_session, ann, change):
    assert backend.request("POST", f"v1/sessions/{ann_session.pk}/tokens").status_code == 200
    change(ann)
    assert backend.request("POST", f"v1/sessions/{ann_session.pk}/tokens").status_code == 404
    assert backend.get(f"v1/sessions/{ann_session.pk}").json()["status"] == "revoked"
    query = f"?user_id={user_id(ann.pk)}&status="
    assert (listed(backend, f"{query}active"), listed(backend, f"{query}revoked")) == ([], [ann_session.pk])


@pytest.mark.parametrize("change", TOLD)
def test_a_saved_password_change_is_stored_with_its_event(ann_session, ann, ticket, change):
    change(ann)
    ann_session.refresh_from_db()
    assert (ann_session.status, ann_session.close_reason, ann_session.closed_by) == (
        "revoked",
        "password_changed",
        "system:password_changed",
    )
    event = Event.objects.get(type="user_session.revoked")
    assert (event.subject, event.data) == (ann_session.pk, {"reason": "password_changed"})
    ticket.refresh_from_db()
    assert ticket.status == "revoked"


@pytest.mark.parametrize("change", TOLD + UNTOLD)
def test_a_ticket_ends_too(ann, ticket, change):
    change(ann)
    with pytest.raises(TicketExpired if change in UNTOLD else NotPending):
        Ticket.objects.get().accept(actor="test")
    assert Ticket.objects.get().status != "accepted"


def test_a_ticket_read_before_the_change_is_refused_after_it(ann, ticket):
    ticket = Ticket.objects.select_related("user").get()
    by_update(ann)
    with pytest.raises(TicketExpired):
        ticket.accept(actor="test")


def test_another_users_sessions_stay_live(workspace, ann_session, ann, u2):
    other = UserSession.objects.start(workspace, u2, actor="test")
    by_save(ann)
    assert (status(ann_session), status(other)) == ("revoked", "active")


def test_a_session_started_after_the_change_stays_live(workspace, ann_session, ann):
    by_update(ann)
    later = UserSession.objects.start(workspace, ann, actor="test")  # this instance of the user is stale
    assert (status(ann_session), status(later)) == ("revoked", "active")


@pytest.mark.parametrize("name", ["first_name", "last_login"])
def test_saving_other_fields_ends_nothing_and_costs_no_query(ann_session, ann, name, django_assert_num_queries):
    with django_assert_num_queries(1):
        ann.save(update_fields=[name])
    with django_assert_num_queries(1):
        ann.save()
    assert status(ann_session) == "active"


def test_a_rehash_at_a_login_is_not_a_password_change(ann_session, ann, ticket, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    before = ann.password
    assert ann.check_password(PASSWORD)
    assert type(ann).objects.get().password != before
    assert status(ann_session) == "active"
    assert not Event.objects.filter(type="user_session.revoked").exists()
    Ticket.objects.get().accept(actor="test")
    by_save(ann)
    assert status(ann_session) == "revoked"


def test_a_rehash_does_not_revive_an_ended_session(ann_session, ann, settings):
    by_update(ann)
    ann.refresh_from_db()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    assert ann.check_password(OTHER)
    assert status(ann_session) == "revoked"


def test_a_rehash_that_is_not_saved_ends_nothing(ann_session, ann, settings, monkeypatch):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    monkeypatch.setattr(type(ann), "_do_update", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ann.check_password(PASSWORD)
    assert status(ann_session) == "active"


def test_an_assigned_hash_right_after_a_login_is_a_change(ann_session, ann):
    assert ann.check_password(PASSWORD)
    ann._password = None
    by_assignment(ann)
    assert status(ann_session) == "revoked"


@pytest.mark.parametrize("change", TOLD + UNTOLD)
def test_the_session_that_makes_the_change_stays(workspace, ann_session, ann, change):
    other = UserSession.objects.start(workspace, ann, actor="test")
    with keep_session(ann_session):
        change(ann)
    assert (status(ann_session), status(other)) == ("active", "revoked")
    by_update(ann)
    assert status(ann_session) == "revoked"


def test_keep_session_does_not_revive_a_session_that_is_over(ann_session, ann):
    by_update(ann)
    with keep_session(ann_session):
        by_save(ann)
    assert status(ann_session) == "revoked"


def test_a_kept_session_that_ends_meanwhile_stays_ended(ann_session, ann):
    with keep_session(ann_session):
        by_update(ann)
        ann_session.revoke(actor="an operator")
    assert status(ann_session) == "revoked"


def test_keeping_another_users_session_keeps_none(workspace, ann_session, ann, u2):
    with keep_session(UserSession.objects.start(workspace, u2, actor="test")):
        by_save(ann)
    assert status(ann_session) == "revoked"


@pytest.mark.parametrize("change", [by_save, by_update])
@pytest.mark.parametrize(("policy", "left"), [("others", "active"), ("all", "revoked"), ("none", "active")])
def test_a_policy_says_whether_the_kept_session_ends(ann_session, ann, settings, policy, left, change):
    settings.USER_SESSIONS = {"PASSWORD_CHANGE_ENDS": policy}
    with keep_session(ann_session):
        change(ann)
    assert status(ann_session) == left


@pytest.mark.parametrize("change", [by_save, by_update])
def test_with_the_policy_none_a_change_ends_nothing(backend, ann_session, ann, ticket, settings, change):
    assert backend.request("POST", f"v1/sessions/{ann_session.pk}/tokens").status_code == 200  # the query is kept
    settings.USER_SESSIONS = {"PASSWORD_CHANGE_ENDS": "none"}
    change(ann)
    assert status(ann_session) == "active"
    assert backend.request("POST", f"v1/sessions/{ann_session.pk}/tokens").status_code == 200
    Ticket.objects.get().accept(actor="test")


@pytest.mark.parametrize("given", ["other", None, True, ["all"]])
def test_a_policy_that_does_not_exist_is_an_error(settings, given):
    settings.USER_SESSIONS = {"PASSWORD_CHANGE_ENDS": given}
    assert [message.id for message in check_settings()] == ["user_sessions.E011"]


def test_a_fixture_and_a_copy_elsewhere_end_nothing(ann_session, ann, tmp_path):
    stored = StringIO()
    call_command("dumpdata", "auth.user", stdout=stored)
    (tmp_path / "users.json").write_text(stored.getvalue())
    with CaptureQueriesContext(connection) as captured:
        call_command("loaddata", tmp_path / "users.json", verbosity=0)
    assert not [query for query in captured.captured_queries if "user_sessions" in query["sql"]]
    assert status(ann_session) == "active"


def test_a_sign_in_during_a_password_change_gets_no_session(at_home, browser, ann, monkeypatch):
    from user_sessions.clerk.frontend import credential_attempts

    authenticate_password = credential_attempts.authenticate_password

    def slowly(*args: Any) -> Any:
        found = authenticate_password(*args)
        by_update(ann)
        return found

    monkeypatch.setattr(credential_attempts, "authenticate_password", slowly)
    response = browser.post("v1/client/sign_ins", strategy="password", identifier="u1", password=PASSWORD)
    assert response.error == "form_password_incorrect"
    assert not UserSession.objects.exists()


def test_a_console_change_ends_the_sessions(ann_session, ann, admin_client: Visitor):
    path = f"/admin/auth/user/{ann.pk}/password/"
    form = {"password1": OTHER, "password2": OTHER, "usable_password": "true"}
    assert admin_client.post(path, form).status_code == 302
    assert status(ann_session) == "revoked"


# Deactivation by update()


def deactivate(user: Any, is_active: bool = False) -> None:
    type(user).objects.filter(pk=user.pk).update(is_active=is_active)


@pytest.mark.parametrize("void", [deactivate, by_update])
def test_the_status_property_and_the_queryset_agree(ann_session, ann, void):
    void(ann)
    for at in (timezone.now(), ann_session.expire_at, ann_session.abandon_at):
        session = UserSession.objects.get()
        found = [each for each in Status.values if UserSession.objects.with_status(each, at=at).exists()]
        assert found == [session.status_at(at)]
        assert not session.is_live(at) and not UserSession.objects.live(at=at).exists()


def test_a_user_deactivated_by_an_update_is_signed_out_until_reactivated(backend, ann_session, ann):
    query = f"?user_id={user_id(ann.pk)}&status="
    deactivate(ann)
    assert (listed(backend, f"{query}active"), listed(backend, f"{query}revoked")) == ([], [ann_session.pk])
    assert backend.request("POST", f"v1/sessions/{ann_session.pk}/tokens").status_code == 404
    deactivate(ann, is_active=True)
    assert listed(backend, f"{query}active") == [ann_session.pk]


@pytest.mark.parametrize(("void", "reason"), [(deactivate, "user_deactivated"), (by_update, "password_changed")])
def test_revoking_a_void_session_is_permanent_and_keeps_the_reason(ann_session, ann, void, reason):
    void(ann)
    assert UserSession.objects.get().end(actor="ann") is False
    assert UserSession.objects.get().revoke(actor="an operator", reason="a lost phone") is True
    ann_session.refresh_from_db()
    assert (ann_session.status, ann_session.close_reason, ann_session.closed_by) == (
        "revoked",
        reason,
        f"system:{reason}",
    )
    deactivate(ann, is_active=True)
    assert status(ann_session) == "revoked"


def test_a_void_session_can_leave_its_client(ann_session, ann):
    by_update(ann)
    assert UserSession.objects.get().remove(actor="ann") is True
    ann_session.refresh_from_db()
    assert (ann_session.status, ann_session.close_reason) == ("removed", "password_changed")


def test_a_replaced_void_session_stays_revoked_when_its_user_is_reactivated(workspace, ann_session, ann, u2):
    set_user_session_policy(workspace, single_session_mode=True)
    deactivate(ann)
    ann_session = UserSession.objects.get()
    later = UserSession.objects.start(workspace, u2, actor="test", client=ann_session.client)
    deactivate(ann, is_active=True)
    assert (status(ann_session), status(later)) == ("revoked", "active")
