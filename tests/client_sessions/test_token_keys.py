"""TOKEN_KEYS change while client sessions and publishable keys are in use."""

import pytest

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Event
from tests.callers import Caller, bearer

OLD, NEW, NEXT = "o" * 40, "n" * 40, "x" * 40


@pytest.fixture
def keys(settings, db):
    """Set the token keys, newest first."""

    def set_keys(*keys: str) -> None:
        settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"TOKEN_KEYS": list(keys)}

    set_keys(OLD)
    return set_keys


@pytest.fixture
def hand_out(keys, backend):
    """Return a function that gives the token of Jane's session, as the backend receives it."""

    def ask(**more: str) -> str:
        answer = backend.post("client_sessions/get_or_create", user_identifier_key="jane", **more)
        return answer.json()["client_session"]["token"]

    return ask


def works(token: str) -> bool:
    return bearer(token).get("client_sessions/get").status_code == 200


@pytest.mark.parametrize("more", [{}, {"expires_at": "2099-01-01T00:00:00Z"}], ids=["as it is", "prolonged"])
def test_a_token_of_the_new_key_works_without_the_old_key(keys, hand_out, more):
    old = hand_out()
    keys(NEW, OLD)
    new = hand_out(**more)
    assert works(old) and works(new) and old != new
    keys(NEW)
    assert works(new) and not works(old)


def test_a_publishable_key_receives_the_new_token_too(keys, hand_out, web_app):
    old = hand_out()
    keys(NEW, OLD)
    new = web_app.post("client_sessions/get_or_create", user_identifier_key="jane").json()["client_session"]["token"]
    keys(NEW)
    assert works(new) and not works(old)


def test_tokens_of_every_listed_key_work_through_two_changes(keys, hand_out):
    first = hand_out()
    keys(NEW, OLD)
    second = hand_out()
    keys(NEXT, NEW, OLD)
    assert all(works(token) for token in (first, second, hand_out()))
    assert Event.objects.filter(type="client_session.token_renewed").count() == 2


def test_a_server_with_the_new_key_in_second_place_accepts_its_tokens(keys, hand_out):
    hand_out()
    keys(NEW, OLD)
    new = hand_out()
    keys(OLD, NEW)
    assert works(new)


def test_a_leaked_old_key_cannot_forge_tokens_of_the_new_key(keys, hand_out):
    keys(NEW, OLD)
    hand_out()
    session = ClientSession.objects.get()
    keys(OLD)
    forged = session.token
    keys(NEW, OLD)
    assert not works(forged)


def test_a_publishable_key_stays_the_same_when_its_token_key_is_withdrawn(keys, workspace):
    key = ApiKey.objects.issue_publishable(workspace, name="web", actor="test")
    before = key.publishable_key
    keys(NEW)
    assert ApiKey.objects.get(pk=key.pk).publishable_key == before
    caller = Caller(**{"seam-publishable-key": before})
    assert caller.post("client_sessions/get_or_create", user_identifier_key="jane").status_code == 200
