"""Invalid lists of ids and invalid user identifier keys raise ValueError."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from client_sessions import resources
from client_sessions.models import ClientSession, Grant
from client_sessions.scoping import remaining_grant_types
from sessions_core.models import Event
from tests.client_sessions import hosts_models as hosts

NOT_WANTED = {
    "text": {"door": "12"},
    "bytes": {"door": b"12"},
    "a dict": {"door": {"1": "2"}},
    "one number": {"door": 12},
    "None": {"door": None},
    "a list with None": {"door": [None]},
    "a list with a switch": {"door": [True]},
    "a list with a fraction": {"door": [1.5]},
    "a list of lists": {"door": [["1"]]},
    "a list of pairs": [("door", ["1"])],
    "a text alone": "door",
    "a type that is not text": {None: ["1"]},
}
NOT_KEYS = ["", "k" * 256, "k\0", "k\ud800", b"k", 5]

VERBS: dict[str, Callable[..., Any]] = {
    "start": lambda session, wanted: ClientSession.objects.start(session.workspace, actor="test", wanted=wanted),
    "start_or_match": lambda session, wanted: ClientSession.objects.start_or_match(
        session.workspace, actor="test", wanted=wanted
    ),
    "grant": lambda session, wanted: session.grant(wanted, actor="test"),
    "replace_grants": lambda session, wanted: session.replace_grants(wanted, actor="test"),
    "revoke_access": lambda session, wanted: session.revoke_access(wanted, actor="test"),
    "remaining_grant_types": remaining_grant_types,
}
KEYED: dict[str, Callable[..., Any]] = {
    "start": lambda session, key: ClientSession.objects.start(session.workspace, actor="test", user_identifier_key=key),
    "start_or_match": lambda session, key: ClientSession.objects.start_or_match(
        session.workspace, actor="test", user_identifier_key=key
    ),
    "grant": lambda session, key: session.grant({}, actor="test", user_identifier_key=key),
}


@pytest.fixture(params=["sandbox", "live"])
def session(request, workspace, live_workspace, monkeypatch) -> ClientSession:
    monkeypatch.setattr(resources, "_types", {})
    resources.register("door", hosts.Door, must_exist=False)
    tenant = workspace if request.param == "sandbox" else live_workspace
    return ClientSession.objects.start(tenant, actor="test")


@pytest.mark.parametrize("verb", VERBS)
def test_a_value_that_is_not_a_list_of_ids_changes_nothing(session, verb):
    for wanted in NOT_WANTED.values():
        with pytest.raises(ValueError, match=r"^wanted.* must be a .*\.$"):
            VERBS[verb](session, wanted)
    assert Event.objects.count() == 1
    assert not Grant.objects.exists()


@pytest.mark.parametrize("verb", KEYED)
def test_an_invalid_user_identifier_key_changes_nothing(session, verb):
    for key in NOT_KEYS:
        with pytest.raises(ValueError, match="user_identifier_key must be text of 1 to 255 characters"):
            KEYED[verb](session, key)
    assert Event.objects.count() == 1


@pytest.mark.parametrize("ids", [["1", "2"], ("1", "2"), {"1", "2"}, [1, 2], range(1, 3)])
def test_ids_of_any_collection_are_granted_as_text(workspace, session, ids):
    session.grant({"door": ids}, actor="test")
    assert {grant.resource_id for grant in session.grants.all()} == {"1", "2"}


def test_uuids_are_granted_as_they_are(session):
    resources.register("thing", hosts.KEYED["uuid"], must_exist=False)
    one = uuid4()
    session.grant({"thing": [one]}, actor="test")
    assert [grant.resource_id for grant in session.grants.all()] == [one.hex]


def test_an_id_that_no_database_can_store_is_missing(session):
    resources.register("thing", hosts.KEYED["text"], must_exist=False)
    for one in ("a\0", "a\ud800"):
        with pytest.raises(resources.Missing):
            session.grant({"thing": [one]}, actor="test")


def test_a_string_is_not_treated_as_a_list_of_ids(session):
    with pytest.raises(ValueError, match="must be a list of ids"):
        Grant.objects.for_resources("door", "12")
