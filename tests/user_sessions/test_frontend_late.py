"""Requests with a client token that was replaced a moment ago. Later the old token is treated as absent."""

from datetime import timedelta

import pytest
from django.db.models import F

from tests.policies import set_user_session_policy
from tests.user_sessions.frontend import Browser, Frontend
from user_sessions.models import Client, Ticket, UserSession

STALE = (401, "authentication_invalid")


def result_of(response):
    return response.status_code, response.error


@pytest.fixture
def stale(frontend, u1) -> Frontend:
    """Return the same browser or app with its old token."""
    frontend.post("v1/client")
    twin: Frontend = type(frontend)()
    twin.credential = frontend.credential
    frontend.sign_in(u1)
    return twin


def wait(seconds):
    """Move the latest change of the client into the past."""
    Client.objects.update(updated_at=F("updated_at") - timedelta(seconds=seconds))


def test_a_sign_in_sent_twice_begins_no_second_client(frontend, stale, u2):
    assert result_of(stale.try_to_sign_in(u2)) == STALE
    assert Client.objects.count() == UserSession.objects.count() == 1
    assert Ticket.objects.get(user=u2).status == "pending"
    frontend.sign_in(u2)
    assert len(frontend.client_json()["sessions"]) == 2


def test_a_password_sent_twice_begins_no_second_client(stale, u2):
    u2.set_password("secret")
    u2.save()
    assert result_of(stale.post("v1/client/sign_ins", identifier="u2", password="secret")) == STALE
    assert result_of(stale.post("v1/client/sign_ins", identifier="u2")) == STALE
    assert Client.objects.count() == 1


def test_a_stale_token_does_not_bypass_single_session_mode(at_home, stale, u2):
    set_user_session_policy(at_home, single_session_mode=True)
    at_home.save()
    assert result_of(stale.try_to_sign_in(u2)) == STALE
    assert UserSession.objects.count() == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_stale_token_creates_or_closes_no_client(frontend, stale, method):
    assert result_of(stale.post("v1/client", f"?_method={method}" if method != "POST" else "")) == STALE
    assert len(frontend.client_json()["sessions"]) == 1


def test_a_stale_token_reads_as_an_anonymous_visitor(stale):
    assert stale.client_json() is None
    assert stale.post("v1/environment", "?_method=PATCH").status_code == 200


def test_a_read_with_a_stale_token_does_not_change_client_uat(at_home, u1):
    browser, tab = Browser(), Browser()
    browser.post("v1/client")
    tab.credential = browser.credential
    browser.sign_in(u1)
    tab.client.cookies["__client_uat"] = browser.cookie("__client_uat")
    assert tab.client_json() is None
    assert tab.sets_signed_in_cookie
    wait(10)
    assert tab.client_json() is None
    assert not tab.sets_signed_in_cookie


def test_a_caller_who_lost_the_new_token_can_sign_in_later(frontend, stale, u2):
    wait(9)
    assert result_of(stale.try_to_sign_in(u2)) == STALE
    wait(1)
    assert stale.try_to_sign_in(u2).status_code == 200
    assert Client.objects.count() == 2


def test_a_stale_token_of_another_workspace_is_ignored(stale, elsewhere, u2):
    stale.host = "elsewhere.example.com"
    assert stale.request("GET", "v1/environment").status_code == 200
    assert result_of(stale.post("v1/client", "?_method=DELETE")) == (404, "resource_not_found")
