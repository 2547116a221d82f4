"""Hot paths of the Frontend API have a fixed number of queries, and reads write nothing."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.user_sessions import factors
from tests.user_sessions.frontend import App, Browser
from user_sessions.models import Definition, JwtTemplate, UserSession


@pytest.fixture(params=[1, 10])
def crowd(request, browser) -> list[UserSession]:
    """Sign this many users in on one client and mint one token."""
    users = [get_user_model().objects.create_user(f"user-{number}") for number in range(request.param)]
    sessions = [browser.sign_in(user) for user in users]
    assert browser.verb(sessions[-1], "tokens").status_code == 200
    assert browser.client_json()["last_active_session_id"] == sessions[-1].pk
    return sessions


def writes(captured):
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith("SELECT")]


def test_minting_is_two_queries(browser, crowd, django_assert_num_queries):
    with django_assert_num_queries(2) as captured:
        assert browser.verb(crowd[-1], "tokens").status_code == 200
    assert writes(captured) == []


def test_minting_from_a_template_is_one_more_query(browser, crowd, at_home, django_assert_num_queries):
    JwtTemplate.objects.define(at_home, Definition(name="t1", claims={}), actor="test")
    with django_assert_num_queries(3) as captured:
        assert browser.verb(crowd[0], "tokens/t1").status_code == 200
    assert writes(captured) == []


def test_reading_the_client_is_two_queries(browser, crowd, django_assert_num_queries):
    with django_assert_num_queries(2) as captured:
        assert len(browser.client_json()["sessions"]) == len(crowd)
    assert writes(captured) == []


def test_an_open_sign_in_is_shown_without_a_question_to_the_host(browser, at_home, settings, django_assert_num_queries):
    get_user_model().objects.create_user("ann", password="correct horse")
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": factors.BOTH}
    browser.post("v1/client/sign_ins", strategy="password", identifier="ann", password="correct horse")
    settings.USER_SESSIONS = {"SIGN_IN_REQUIREMENT": "not.asked"}
    with django_assert_num_queries(3) as captured:
        assert browser.client_json()["sign_in"]["status"] == "needs_second_factor"
    assert writes(captured) == []


def test_reading_a_session_is_two_queries(browser, crowd, django_assert_num_queries):
    with django_assert_num_queries(2) as captured:
        assert browser.get(f"v1/client/sessions/{crowd[0].pk}").status_code == 200
    assert writes(captured) == []


@pytest.mark.parametrize("path", ["v1/me/sessions", "v1/me/sessions/active"])
def test_listing_the_sessions_of_a_user_is_three_queries(browser, u1, path, django_assert_num_queries):
    browser.sign_in(u1)
    for others in (0, 8):
        for _ in range(others):
            App().sign_in(u1)
        browser.get(path)
        with django_assert_num_queries(3) as captured:
            assert len(browser.get(path).json()) == 1 + others
        assert writes(captured) == []


def test_a_touch_within_the_interval_is_two_queries_and_writes_nothing(browser, crowd, django_assert_num_queries):
    with django_assert_num_queries(2) as captured:
        assert browser.verb(crowd[-1], "touch").status_code == 200
    assert writes(captured) == []


@pytest.mark.parametrize("verb", ["touch", "tokens", "tokens/t1"])
def test_a_hot_path_compiles_nothing_after_the_first_request(browser, crowd, at_home, compilations, verb):
    JwtTemplate.objects.define(at_home, Definition(name="t1", claims={}), actor="test")
    browser.verb(crowd[-1], verb)
    compilations.clear()
    assert browser.verb(crowd[-1], verb).status_code == 200
    assert not compilations


def test_a_private_key_is_parsed_once_and_an_attached_token_signed_once(browser, crowd, monkeypatch):
    def sign_again(*_):
        raise AssertionError("a token was signed again")

    browser.verb(crowd[-1], "touch")
    monkeypatch.setattr("user_sessions.tokens.attached_tokens._sign", sign_again)
    assert browser.verb(crowd[-1], "touch").status_code == 200


def test_a_touch_that_is_due_writes_its_session_once_and_nothing_else(browser, crowd, django_assert_max_num_queries):
    UserSession.objects.update(last_active_at=timezone.now() - timedelta(hours=1))
    with django_assert_max_num_queries(7) as captured:
        assert browser.verb(crowd[-1], "touch").status_code == 200
    update, *others = [sql for sql in writes(captured) if "SAVEPOINT" not in sql]
    assert update.startswith('UPDATE "user_sessions_usersession" SET "last_active_at"'), update
    assert others == []


@pytest.mark.parametrize("path", ["v1/client", "v1/client/handshake?redirect_url=http://localhost:3000/"])
def test_a_read_writes_nothing_though_the_session_is_idle(browser, crowd, path, django_assert_max_num_queries):
    UserSession.objects.update(last_active_at=timezone.now() - timedelta(hours=1))
    with django_assert_max_num_queries(9) as captured:
        assert browser.get(path).status_code in (200, 307)
    assert writes(captured) == []


def forged(token):
    """Return the same claims with another signature."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' * len(signature)}"


@pytest.mark.parametrize("stranger", [Browser(page=""), App()], ids=["cookie", "header"])
def test_a_forged_token_costs_as_much_as_none(browser, u1, stranger, django_assert_num_queries):
    stranger.get("v1/client")
    with django_assert_num_queries(1):  # the workspace at this host
        assert stranger.client_json() is None
    browser.sign_in(u1)
    stranger.credential = forged(browser.credential)
    for path, status in (("client", 200), ("me", 401)):
        with django_assert_num_queries(1):
            assert stranger.get(f"v1/{path}").status_code == status


@pytest.mark.parametrize(("path", "queries"), [("client", 2), ("me/sessions", 3), ("me/sessions/active", 3)])
def test_a_read_compiles_nothing_after_the_first_request(
    browser, crowd, compilations, path, queries, django_assert_num_queries
):
    browser.get(f"v1/{path}")
    compilations.clear()
    with django_assert_num_queries(queries):
        assert browser.get(f"v1/{path}").status_code == 200
    assert not compilations
