"""What is under way with a client's former token when there is a newer one; a moment later that is no token at all."""

from datetime import timedelta

import pytest
from django.db.models import F

from tests.policies import set_user_session_policy
from tests.user_sessions.frontend import Browser, Somebody
from user_sessions.models import Client, Ticket, UserSession

LATE = (401, "authentication_invalid")


def told(response):
    return response.status_code, response.error


@pytest.fixture
def late(somebody, u1) -> Somebody:
    """What the same browser or app sent before it was told of its new token."""
    somebody.post("v1/client")
    twin: Somebody = type(somebody)()
    twin.credential = somebody.credential
    somebody.sign_in(u1)
    return twin


def wait(seconds):
    """Let the client have changed so much earlier."""
    Client.objects.update(updated_at=F("updated_at") - timedelta(seconds=seconds))


def test_a_sign_in_sent_twice_begins_no_second_client(somebody, late, u2):
    assert told(late.try_to_sign_in(u2)) == LATE
    assert Client.objects.count() == UserSession.objects.count() == 1
    assert Ticket.objects.get(user=u2).status == "pending"
    somebody.sign_in(u2)
    assert len(somebody.shown()["sessions"]) == 2


def test_a_password_sent_twice_begins_no_second_client(late, u2):
    u2.set_password("secret")
    u2.save()
    assert told(late.post("v1/client/sign_ins", identifier="u2", password="secret")) == LATE
    assert told(late.post("v1/client/sign_ins", identifier="u2")) == LATE
    assert Client.objects.count() == 1


def test_one_browser_has_one_session_where_one_at_a_time_is_allowed(at_home, late, u2):
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    assert told(late.try_to_sign_in(u2)) == LATE
    assert UserSession.objects.count() == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_no_client_is_made_or_forgotten_so_late(somebody, late, method):
    assert told(late.post("v1/client", f"?_method={method}" if method != "POST" else "")) == LATE
    assert len(somebody.shown()["sessions"]) == 1


def test_what_changes_nothing_is_answered_as_to_a_visitor(late):
    assert late.shown() is None
    assert late.post("v1/environment", "?_method=PATCH").status_code == 200


def test_a_late_look_does_not_tell_servers_that_nobody_is_signed_in(at_home, u1):
    browser, tab = Browser(), Browser()
    browser.post("v1/client")
    tab.credential = browser.credential
    browser.sign_in(u1)
    tab.client.cookies["__client_uat"] = browser.cookie("__client_uat")
    assert tab.shown() is None
    assert tab.tells_signed_in
    wait(10)
    assert tab.shown() is None
    assert not tab.tells_signed_in


def test_whoever_never_got_the_new_token_signs_in_a_little_later(somebody, late, u2):
    wait(9)
    assert told(late.try_to_sign_in(u2)) == LATE
    wait(1)
    assert late.try_to_sign_in(u2).status_code == 200
    assert Client.objects.count() == 2


def test_a_late_token_of_another_workspace_is_none(late, elsewhere, u2):
    late.host = "elsewhere.example.com"
    assert late.request("GET", "v1/environment").status_code == 200
    assert told(late.post("v1/client", "?_method=DELETE")) == (404, "resource_not_found")
