"""What an operator does in the console is confirmed, has a reason, and is logged by Django as in our events."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from sessions_core.console.console_permissions import REFUSED
from sessions_core.models import Event
from user_sessions.models import UserSession

LIST = "/admin/user_sessions/usersession/"
CONFIRMED = {"confirmed": "yes", "reason": "stolen phone"}


def operator_with(*codenames: str) -> Client:
    user = get_user_model().objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def address(session, action="revoke") -> str:
    return f"{LIST}{quote(session.pk)}/act/{action}/"


def page_of(session) -> str:
    return f"{LIST}{quote(session.pk)}/change/"


def is_live(session) -> bool:
    return UserSession.objects.live().filter(pk=session.pk).exists()


def test_the_page_of_a_session_has_a_button_that_leads_to_a_confirmation(root, session):
    assert f'<a class="button" href="{address(session)}">Revoke</a>' in root.get(page_of(session)).content.decode()
    question = root.get(address(session)).content.decode()
    assert "Reason (recorded with your name)" in question
    assert is_live(session)


def test_a_confirmed_button_acts_and_returns_to_the_page_with_the_proof(root, session):
    done = root.post(address(session), CONFIRMED, follow=True)
    assert done.redirect_chain == [(page_of(session), 302)]
    assert not is_live(session)
    assert "stolen phone" in done.content.decode()
    assert "1 of 1 revoked." in done.content.decode()


def test_a_session_that_is_over_offers_only_what_would_change_something(root, session):
    session.revoke(actor="test")
    for page in (LIST, page_of(session)):
        text = root.get(page).content.decode()
        assert address(session) not in text and address(session, "end") not in text
        assert address(session, "revoke_all_of_user") in text


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_a_required_reason_that_is_missing_or_too_long_changes_nothing(root, session, reason):
    again = root.post(address(session), {"confirmed": "yes", "reason": reason})
    assert again.context["form"].errors
    assert is_live(session)


def test_a_post_that_is_not_confirmed_asks_first(root, session):
    assert b"Reason (recorded" in root.post(address(session), {"reason": "x"}).content
    assert is_live(session)


def test_history_and_recent_actions_name_the_recorded_event(root, session):
    root.post(address(session), CONFIRMED)
    event = Event.objects.get(type="user_session.revoked")
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.get_change_message()) == (session.pk, f"user_session.revoked (event {event.pk})")
    history = root.get(f"{LIST}{quote(session.pk)}/history/").content.decode()
    assert f"user_session.revoked (event {event.pk})" in history and "stolen phone" in history
    assert session.pk in root.get("/admin/").content.decode()


def test_each_session_that_an_action_ends_is_logged(root, session, workspace, u1):
    other = UserSession.objects.start(workspace, u1, actor="test")
    root.post(address(session, "revoke_all_of_user"), CONFIRMED)
    assert set(LogEntry.objects.values_list("object_id", flat=True)) == {session.pk, other.pk}


def test_an_action_that_changes_nothing_is_not_logged(root, session):
    session.revoke(actor="test")
    root.post(address(session), CONFIRMED)
    assert not LogEntry.objects.exists()


def test_two_operators_at_once_end_with_one_record(root, session):
    for _ in range(2):
        root.post(address(session), CONFIRMED)
    assert Event.objects.filter(type="user_session.revoked").count() == LogEntry.objects.count() == 1


def test_a_whole_list_is_what_the_confirmation_showed(root, session, workspace, u2):
    everything = {"action": "revoke", "_selected_action": ["any"], "select_across": "1"}
    shown = root.post(LIST, everything).context
    later = UserSession.objects.start(workspace, u2, actor="test")
    root.post(LIST, {**everything, **CONFIRMED, "as_of": shown["as_of"]})
    assert is_live(later) and not is_live(session)


@pytest.mark.parametrize("as_of", ["", "x", "2026-01-01", "9" * 50])
def test_a_moment_that_makes_no_sense_is_now(root, session, as_of):
    root.post(
        LIST, {"action": "revoke", "_selected_action": ["any"], "select_across": "1", **CONFIRMED, "as_of": as_of}
    )
    assert not is_live(session)


@pytest.mark.django_db
class TestRefused:
    def forged(self, client, session) -> None:
        for answer in (
            client.post(address(session), CONFIRMED),
            client.post(LIST, {"action": "revoke", "_selected_action": [session.pk], **CONFIRMED}),
            client.post(LIST, {"action": "delete_selected", "_selected_action": [session.pk], "post": "yes"}),
            client.post(page_of(session), {"tasks": "[]"}),
            client.post(f"{LIST}{quote(session.pk)}/delete/", {"post": "yes"}),
            client.post(f"{LIST}add/", {"id": "x"}),
        ):
            assert answer.status_code == 403

    def test_view_only_staff_change_nothing_and_each_attempt_is_an_event(self, session):
        client = operator_with("view_usersession")
        self.forged(client, session)
        assert is_live(session)
        refused = Event.objects.filter(type=REFUSED)
        assert refused.count() == 6
        assert {event.actor for event in refused} == {
            f"operator:{get_user_model().objects.get(username='operator').pk}"
        }
        assert refused.last().data == {"permission": "user_sessions.revoke_usersession", "path": address(session)}

    def test_the_event_stays_with_atomic_requests(self, session, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        operator_with("view_usersession").post(address(session), CONFIRMED)
        assert Event.objects.filter(type=REFUSED).count() == 1

    def test_reading_without_permission_is_refused_without_an_event(self, session):
        client = operator_with()
        assert client.get(address(session)).status_code == client.get(LIST).status_code == 403
        assert not Event.objects.filter(type=REFUSED).exists()

    def test_view_only_staff_see_no_button_and_no_menu(self, session):
        client = operator_with("view_usersession")
        assert address(session) not in client.get(page_of(session)).content.decode()
        assert b'name="action"' not in client.get(LIST).content

    def test_one_permission_is_enough_for_its_action(self, session):
        client = operator_with("view_usersession", "revoke_usersession")
        assert client.post(address(session), CONFIRMED).status_code == 302
        assert not is_live(session)

    def test_visitors_are_sent_to_the_sign_in_page_and_recorded_nowhere(self, session):
        assert Client().post(address(session), CONFIRMED).status_code == 302
        assert not Event.objects.filter(type=REFUSED).exists()

    def test_a_form_without_a_csrf_token_is_refused(self, session, root):
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = root.cookies
        assert strict.post(address(session), CONFIRMED).status_code == 403
        assert is_live(session)


@pytest.mark.parametrize("path", ["sess_none/act/revoke/", "%00/act/revoke/", "x/act/nothing/", "x/act/history/"])
def test_an_unknown_object_or_action_is_not_found(root, path, workspace):
    assert root.get(LIST + path).status_code in (400, 404)


def test_the_history_of_a_session_shows_the_reason_alone(root, session):
    UserSession.objects.filter(pk=session.pk).revoke(actor="operator:1", reason="stolen")
    assert "<td>stolen</td>" in root.get(f"{LIST}{quote(session.pk)}/history/").content.decode()
