"""An operator signs in as a user: the console creates a link with a ticket, shows it once and records who and why."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from sessions_core.crypto.encryption import CannotOpen
from sessions_core.models import Event
from tests.policies import set_user_session_policy
from user_sessions.models import SigningKey, Ticket, UserSession
from user_sessions.users import user_id

GIVEN = {"workspace": "Here", "reason": "support case 42"}


@pytest.fixture
def staff(at_home):
    """Return a function that signs in an operator with these permissions; the workspace has a sign-in URL."""
    set_user_session_policy(at_home, sign_in_url="https://app.example.com/sign-in")

    def staff(*codenames):
        operator = get_user_model().objects.create_user("operator", is_staff=True)
        operator.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(operator)
        client.operator = operator
        return client

    return staff


@pytest.fixture
def support(staff):
    return staff("impersonate_ticket", "view_user", "view_usersession", "view_ticket", "view_event")


def address(user):
    return f"/admin/user_sessions/ticket/of_user/{user.pk}/impersonate/"


def link_in(page):
    found = re.search(r"<textarea[^>]*>([^<]+)</textarea>", page.content.decode())
    return found and found[1]


def page_of(client, user):
    return client.get(f"/admin/auth/user/{user.pk}/change/").content.decode()


def refuse_everyone(user):
    return False


def test_the_link_signs_a_browser_in_as_the_user_with_the_operator_as_impersonator(support, browser, u1):
    assert f'href="{address(u1)}"' in page_of(support, u1)
    link = urlsplit(link_in(support.post(address(u1), GIVEN)))
    sent_to = browser.get(link.path[1:], f"?{link.query}").headers["Location"]
    assert sent_to.startswith("https://app.example.com/sign-in?")
    assert browser.use_ticket(parse_qs(urlsplit(sent_to).query)["__clerk_ticket"][0]).status_code == 200
    session = UserSession.objects.get(user=u1)
    assert session.impersonator == {"sub": user_id(support.operator.pk)}
    assert session.expire_at - session.created_at == timedelta(minutes=30)
    assert support.get("/admin/").status_code == 200


def test_the_question_says_what_will_happen(support, u1):
    question = support.get(address(u1)).content.decode()
    for text in ("works once, within 10 minutes", "for 30 minutes", "use a private window", "as the impersonator"):
        assert text in question
    assert not Ticket.objects.exists()


def test_the_ticket_the_event_and_the_log_say_who_and_why(support, u1):
    support.post(address(u1), GIVEN)
    ticket, event, entry = Ticket.objects.get(), Event.objects.get(type="actor_token.created"), LogEntry.objects.get()
    assert ticket.expire_at - ticket.created_at == timedelta(minutes=10)
    assert (event.subject, event.actor) == (ticket.pk, f"operator:{support.operator.pk}")
    assert event.data == {
        "user": str(u1.pk),
        "impersonator": {"sub": user_id(support.operator.pk)},
        "reason": "support case 42",
    }
    assert (entry.object_id, entry.user, str(event.pk) in entry.change_message) == (ticket.pk, support.operator, True)


def test_the_link_is_shown_once(support, u1):
    shown = support.post(address(u1), GIVEN)
    token = parse_qs(urlsplit(link_in(shown)).query)["ticket"][0]
    assert "no-store" in shown.headers["Cache-Control"]
    ticket = Ticket.objects.get().pk
    for path in ("", f"{ticket}/change/", f"{ticket}/history/"):
        assert token not in support.get(f"/admin/user_sessions/ticket/{path}").content.decode()
    assert token not in f"{list(Event.objects.values())} {dict(support.session)}"


def test_staff_without_the_permission_have_no_button_and_each_attempt_is_an_event(staff, u1):
    viewer = staff("view_user", "view_usersession", "view_ticket", "revoke_usersession", "change_user", "add_ticket")
    assert address(u1) not in page_of(viewer, u1)
    assert [viewer.get(address(u1)).status_code, viewer.post(address(u1), GIVEN).status_code] == [403, 403]
    refused = Event.objects.get(type="console.refused")
    assert refused.data == {"permission": "user_sessions.impersonate_ticket", "path": address(u1)}
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("changes", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_staff_and_inactive_users_cannot_be_impersonated(support, u1, changes):
    get_user_model().objects.filter(pk=u1.pk).update(**changes)
    assert address(u1) not in page_of(support, u1)
    assert "This user cannot be impersonated." in support.post(address(u1), GIVEN).content.decode()
    assert not Ticket.objects.exists() and not Event.objects.filter(type__startswith="actor_token").exists()


def test_the_rule_of_the_host_decides_about_the_button(support, u1, settings):
    settings.USER_SESSIONS = {"MAY_BE_IMPERSONATED": "tests.user_sessions.test_console_impersonation.refuse_everyone"}
    assert address(u1) not in page_of(support, u1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reason": " "}, "This field is required."),
        ({"reason": "x" * 201}, "Ensure this value has at most 200 characters"),
        ({"workspace": "nowhere"}, "There is no workspace with this name or ID."),
        ({"workspace": "Elsewhere"}, "This workspace has no frontend API or no sign-in URL"),
    ],
)
def test_an_unusable_form_creates_nothing_and_says_why(support, elsewhere, u1, given, message):
    page = support.post(address(u1), GIVEN | given)
    assert message in page.content.decode() and link_in(page) is None
    assert not Ticket.objects.exists()


def test_a_user_of_another_workspace_is_refused(support, u1, settings):
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.test_console_impersonation.nobody_of"}
    assert "The user does not belong to this workspace." in support.post(address(u1), GIVEN).content.decode()


def nobody_of(workspace):
    return get_user_model().objects.none()


@pytest.mark.parametrize("key", ["0", "x", "\U0001f4a5"])
def test_an_unknown_user_is_not_found(support, key):
    assert support.post(f"/admin/user_sessions/ticket/of_user/{key}/impersonate/", GIVEN).status_code == 404


def test_a_hostile_name_is_escaped(support, u1):
    get_user_model().objects.filter(pk=u1.pk).update(username="<script>alert(1)</script>")
    for page in (support.get(address(u1)), support.post(address(u1), GIVEN)):
        assert "<script>alert" not in page.content.decode() and "&lt;script&gt;alert" in page.content.decode()


def test_the_link_ends_with_its_ticket(support, browser, u1):
    link = urlsplit(link_in(support.post(address(u1), GIVEN)))
    Ticket.objects.get().revoke(actor="test", at=timezone.now())
    assert browser.get(link.path[1:], f"?{link.query}").error == "actor_token_revoked_code"


def test_without_a_key_that_can_sign_there_is_no_ticket_and_no_event(support, at_home, u1):
    SigningKey.objects.current(at_home)
    SigningKey.objects.update(sealed_private_key=b"of another encryption key")
    with pytest.raises(CannotOpen):
        support.post(address(u1), GIVEN)
    assert not Ticket.objects.exists() and not Event.objects.filter(type="actor_token.created").exists()
