"""The Backend API and the same model agree after any sequence of requests."""

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from tests.callers import Caller
from tests.embedded import examples
from tests.policies import set_user_session_policy
from tests.user_sessions.model import Holder, Policy, Session, World
from tests.user_sessions.test_state_machine import EXAMPLES, Both, homes, outcome, users
from user_sessions.users import user_id

pytestmark = pytest.mark.django_db


class OverHttp(RuleBasedStateMachine):
    """The clock is the real one, so nothing expires here."""

    sessions = Bundle("sessions")
    # What the test has made in the database, by the model's names.
    callers: dict[str, Caller]
    ids: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.rollback = transaction.atomic()
        self.rollback.__enter__()
        self.world = World({"here": Policy(limit=3), "there": Policy()}, {user: Holder() for user in ("u1", "u2")})
        self.rows: dict[Session, str] = {}

    teardown = Both.teardown

    @rule(target=sessions, home=homes, user=users)
    def create(self, home: str, user: str) -> Any:
        response = self.callers[home].post("v1/sessions", user_id=self.ids[user])
        session = outcome(lambda: self.world.sign_in(home, user, timezone.now()))
        if isinstance(session, str):
            assert (response.error, session) == ("session_creation_not_allowed", "refused: TooManySessions")
            return multiple()
        self.rows[session] = response.json()["id"]
        return session

    @rule(session=sessions, home=homes, verb=st.sampled_from(["revoke", "tokens"]))
    def use(self, session: Session, home: str, verb: str) -> None:
        response = self.callers[home].post(f"v1/sessions/{self.rows[session]}/{verb}")
        was_live = session.is_live(timezone.now())
        if home != session.home or (verb == "tokens" and not was_live):
            assert response.status_code == 404
        elif verb == "revoke":
            assert response.json()["status"] == "revoked"
            self.world.close(session, "revoked", timezone.now(), "test", "")
        else:
            self.check_token(session, response.json()["jwt"])

    @rule(session=sessions)
    def revoke_all(self, session: Session) -> None:
        response = self.callers[session.home].post(f"v1/users/{self.ids[session.user]}/revoke_sessions")
        meant = self.world.live(timezone.now(), home=session.home, user=session.user)
        self.world.revoke_all(meant, timezone.now(), "test", "")
        assert set(response.json()["session_ids"]) == {self.rows[each] for each in meant}

    @invariant()
    def every_list_is_the_models(self) -> None:
        for home, caller in self.callers.items():
            for user in ("u1", "u2"):
                for status in ("active", "revoked"):
                    assert self.listed(caller, user, status) == self.meant(home, user, status)

    @invariant()
    def each_reads_as_the_model_says(self) -> None:
        for session, id in self.rows.items():
            for home, caller in self.callers.items():
                response = caller.get(f"v1/sessions/{id}")
                status = response.json().get("status")
                assert status == (session.status(timezone.now()) if home == session.home else None)

    def check_token(self, session: Session, jwt: str) -> None:
        for home, caller in self.callers.items():
            response = caller.post(f"v1/sessions/{self.rows[session]}/verify", token=jwt)
            assert (response.status_code == 200) == (home == session.home)

    def listed(self, caller: Caller, user: str, status: str) -> set[str]:
        response = caller.get("v1/sessions", f"?user_id={self.ids[user]}&status={status}&limit=100")
        return {session["id"] for session in response.json()}

    def meant(self, home: str, user: str, status: str) -> set[str]:
        found = [each for each in self.world.sessions if (each.home, each.user) == (home, user)]
        return {self.rows[each] for each in found if each.status(timezone.now()) == status}


@pytest.mark.promise("P14")
def test_over_http_the_server_agrees_with_the_model(workspace, elsewhere, backend, foreign_backend, u1, u2):
    set_user_session_policy(workspace, limit=3)
    workspace.save()

    class Here(OverHttp):
        callers = {"here": backend, "there": foreign_backend}
        ids = {"u1": user_id(u1.pk), "u2": user_id(u2.pk)}

    run_state_machine_as_test(Here, settings=settings(max_examples=examples(6), stateful_step_count=10, **EXAMPLES))
