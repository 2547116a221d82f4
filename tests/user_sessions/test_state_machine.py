"""The server and a simple model of it agree after any sequence of steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sessions_core.models import Event, Workspace
from tests.embedded import examples
from tests.policies import set_user_session_policy
from tests.user_sessions.model import FINAL, Client, Holder, Policy, Refused, Session, World
from user_sessions import models
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import Epoch, SigningKey, Status, UserSession, UserSessionError
from user_sessions.tokens.session_tokens import session_token

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
BOTH = ("here", "there")
TASKS = ("choose-organization", "reset-password")
VERBS = {"end": "ended", "revoke": "revoked", "replace": "replaced", "remove": "removed"}

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # without ``explain``, which takes minutes
EXAMPLES = {"deadline": None, "phases": PHASES, "suppress_health_check": list(HealthCheck), "print_blob": True}

# Most steps use one user and one workspace, so that they interact.
homes, users = (st.sampled_from([usual] * 3 + [other]) for usual, other in (("here", "there"), ("u1", "u2")))
policies = st.builds(
    Policy,
    lifetime=st.sampled_from([7 * DAY, 90 * DAY, DAY]),
    idle=st.sampled_from([None, HOUR, 5 * MINUTE]),
    limit=st.sampled_from([None, 1, 2]),
    ends_oldest=st.booleans(),
    single=st.booleans(),
) | st.builds(Policy, lifetime=st.none(), idle=st.sampled_from([HOUR, 40 * DAY]), single=st.booleans())
recent = st.integers(0, 5)
sign_ins = st.fixed_dictionaries(
    {},
    optional={
        "replacing": st.just(True),
        "impersonator": st.sampled_from([False, False, True]),
        "tasks": st.lists(st.sampled_from(TASKS), unique=True, min_size=1),
        "lifetime": st.sampled_from([MINUTE, 2 * HOUR, 400 * DAY]),
    },
)


def outcome(call: Callable[[], Any]) -> Any:
    """Return the result, or the name of the exception."""
    try:
        return call()
    except UserSessionError as error:
        return f"refused: {type(error).__name__}"
    except Refused as error:
        return f"refused: {error}"


# Without a live session most steps do nothing, so sign a user in first.
while_a_session_is_live = precondition(lambda self: self.world.live(self.now))


class Both(RuleBasedStateMachine):
    """Runs every step on the server and on the model, and compares them."""

    def __init__(self) -> None:
        super().__init__()
        self.rollback = transaction.atomic()
        self.rollback.__enter__()
        self.now, self.is_new_moment = BEGINNING, True
        self.world = World({home: Policy() for home in BOTH}, {name: Holder() for name in ("u1", "u2")})
        self.rows: dict[Session | Client, str] = {}
        self.finals: dict[Session, str] = {}
        self.users = {name: get_user_model().objects.create_user(name) for name in ("u1", "u2")}
        self.workspaces = {home: Workspace.objects.create(name=home, is_sandbox=True) for home in BOTH}
        for workspace in self.workspaces.values():
            set_user_session_policy(workspace, signing_algorithm="EdDSA")
            SigningKey.objects.current(workspace, at=BEGINNING)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.rollback.__exit__(None, None, None)

    @initialize(here=policies, there=policies)
    def begin(self, here: Policy, there: Policy) -> None:
        self.change_policy("here", here)
        self.change_policy("there", there)
        self.sign_in("here", "u1", {})

    @while_a_session_is_live
    @rule(home=homes, policy=policies)
    def change_policy(self, home: str, policy: Policy) -> None:
        self.world.policies[home] = policy
        workspace = self.workspaces[home]
        set_user_session_policy(workspace, lifetime=policy.lifetime, idle_lifetime=policy.idle)
        set_user_session_policy(workspace, limit=policy.limit, single_session_mode=policy.single)
        set_user_session_policy(workspace, limit_policy="end_oldest" if policy.ends_oldest else "refuse")
        workspace.save()

    @while_a_session_is_live
    @rule(span=st.sampled_from([SECOND / 1000, 30 * SECOND, MINUTE, 2 * MINUTE, 10 * MINUTE, HOUR, DAY]))
    def time_passes(self, span: timedelta) -> None:
        self.now, self.is_new_moment = self.now + span, True

    @rule(which=recent, end=st.sampled_from(["expires", "abandoned"]), before=st.sampled_from([0, 1]))
    def time_passes_until(self, which: int, end: str, before: int) -> None:
        """Advance to exactly this moment, or a microsecond before it."""
        moment = getattr(self.recent(which), end) - timedelta(microseconds=before)
        if moment > self.now:
            self.now, self.is_new_moment = moment, True

    @rule(home=homes, user=users, how=sign_ins)
    def sign_in(self, home: str, user: str, how: dict[str, Any], beside: Session | None = None) -> None:
        with self.step() as at:
            client = models.Client.objects.get(pk=self.rows[beside.client]) if beside else None
            facts = how | {"impersonator": {"sub": "agent"} if how.get("impersonator") else None}
            start = UserSession.objects.start
            row = outcome(lambda: start(self.home(home), self.users[user], actor="test", client=client, at=at, **facts))
            session = outcome(
                lambda: self.world.sign_in(home, user, at, client=beside.client if beside else None, **how)
            )
            if isinstance(session, str) or isinstance(row, str):
                assert row == session
            else:
                self.rows[session], self.rows[session.client] = row.pk, row.client_id

    @rule(home=homes, user=users, how=sign_ins, beside=recent, stays=st.booleans())
    def sign_in_beside(self, home: str, user: str, how: dict[str, Any], beside: int, stays: bool) -> None:
        there = self.recent(beside)
        self.sign_in(there.home if stays else home, user, how, there)

    @rule(which=recent, verb=st.sampled_from([*VERBS]), actor=st.sampled_from(["first", "second"]))
    def close(self, which: int, verb: str, actor: str) -> None:
        session = self.recent(which)
        with self.step() as at:
            happened = getattr(self.row(session), verb)(actor=actor, at=at, reason=f"{verb} by {actor}")
            assert happened == self.world.close(session, VERBS[verb], at, actor, f"{verb} by {actor}")

    @while_a_session_is_live
    @rule(which=recent)
    def touch(self, which: int) -> None:
        session = self.recent(which)
        with self.step() as at:
            row = self.row(session)
            assert outcome(lambda: row.touch(at=at)) == outcome(lambda: self.world.touch(session, at))

    @while_a_session_is_live
    @rule(which=recent, tasks=st.permutations([*TASKS]) | st.just(TASKS[:1]), required=st.booleans())
    def set_tasks(self, which: int, tasks: list[str], required: bool) -> None:
        session = self.recent(which)
        for task in tasks:
            with self.step() as at:
                row = self.row(session)
                happened = (row.require if required else row.fulfil)(task, actor="test", at=at)
                assert happened == self.world.set_task(session, task, at, required=required)

    @while_a_session_is_live
    @rule(which=recent)
    def mint(self, which: int) -> None:
        session = self.recent(which)
        with self.step() as at:
            workspace = self.home(session.home)
            row = UserSession.objects.in_workspace(workspace).for_minting(at=at).filter(pk=self.rows[session]).first()
            expiry = outcome(lambda: self.world.mint(session, at))
            if row is None:
                assert expiry == "refused: NotLive"
                return
            claims = verifier_of(workspace, at=at).authentic(session_token(row, at=at))
            assert (claims.session_id, claims.status) == (row.pk, session.status(at))
            assert claims.expires_at.timestamp() == expiry
            assert claims.expires_at <= self.row(session).expire_at

    @while_a_session_is_live
    @rule(which=recent, whose=st.sampled_from(["user", "others", "client"]))
    def revoke_all(self, which: int, whose: str) -> None:
        session = self.recent(which)
        with self.step() as at:
            if whose == "client":
                found = UserSession.objects.filter(client=self.rows[session.client])
                meant = [each for each in self.world.sessions if each.client is session.client]
            else:
                found = UserSession.objects.in_workspace(self.home(session.home)).of_user(self.users[session.user])
                meant = [s for s in self.world.sessions if (s.home, s.user) == (session.home, session.user)]
            if whose == "others":
                found, meant = found.exclude(pk=self.rows[session]), [each for each in meant if each is not session]
            revoked = found.revoke(actor="test", at=at, reason=whose)
            assert set(revoked) == self.ids(self.world.revoke_all(meant, at, "test", whose))

    @while_a_session_is_live
    @rule(home=homes)
    def epoch(self, home: str) -> None:
        with self.step() as at:
            Epoch.objects.begin(self.home(home), actor="operator", at=at, reason="stolen")
            self.world.epoch(home, at, "operator", "stolen")

    @rule(user=users, is_active=st.booleans())
    def activate_or_deactivate(self, user: str, is_active: bool) -> None:
        """Use ``update()``, which sends no signal."""
        self.world.holders[user].is_active = is_active
        get_user_model().objects.filter(username=user).update(is_active=is_active)

    @while_a_session_is_live
    @rule(user=users)
    def change_password(self, user: str) -> None:
        holder = self.world.holders[user]
        holder.password += 1
        get_user_model().objects.filter(username=user).update(password=f"password {holder.password}")

    @invariant()
    def every_row_is_what_the_model_says(self) -> None:
        rows = {row.pk: row for row in UserSession.objects.select_related("user")}
        assert rows.keys() == self.ids(self.world.sessions)
        for session in self.world.sessions:
            self.compare_session(session, rows[self.rows[session]])
        clients = models.Client.objects.select_related("workspace").in_bulk()
        for client in {session.client for session in self.world.sessions}:
            client_rows = [row for row in rows.values() if row.client_id == self.rows[client]]
            self.compare_client(client, clients.pop(self.rows[client]), client_rows)
        assert not clients

    def compare_session(self, session: Session, row: UserSession) -> None:
        status = session.status(self.now)
        assert row.status_at(self.now) == status
        times = (session.born, session.last_active, session.updated, session.expires, session.abandoned)
        assert (row.created_at, row.last_active_at, row.updated_at, row.expire_at, row.abandon_at) == times
        facts = (self.workspaces[session.home].pk, session.user, session.tasks)
        assert (row.workspace_id, row.user.username, row.tasks) == facts
        if not session.by_epoch:  # an epoch changes no row until it is removed
            assert (row.closed_at, row.closed_by, row.close_reason) == (session.closed or (None, "", ""))
        if session.is_void(self.now):  # not final: the user may be reactivated
            return
        before = self.finals.setdefault(session, status) if status in FINAL else self.finals.get(session, status)
        assert status == before or status == "removed" or (status == "abandoned" and before != "revoked")

    def compare_client(self, client: Client, row: models.Client, client_rows: list[UserSession]) -> None:
        shown = {session.pk for session in row.listed_sessions(client_rows, at=self.now)}
        assert shown == self.ids(self.world.listed(client, self.now))
        in_use, meant = row.active_among(client_rows, at=self.now), self.world.in_use(client, self.now)
        assert (in_use and in_use.pk) == (meant and self.rows[meant])

    @invariant()
    def queries_find_what_the_model_finds(self) -> None:
        for status in Status.values:
            meant = [session for session in self.world.sessions if session.status(self.now) == status]
            assert self.found(UserSession.objects.with_status(status, at=self.now)) == self.ids(meant)
        live = self.ids(self.world.live(self.now))
        assert self.found(UserSession.objects.live(at=self.now)) == live
        assert self.found(UserSession.objects.for_minting(at=self.now)) == live

    @contextmanager
    def step(self) -> Iterator[datetime]:
        """Run one step at its own time. Check that the server and the model recorded the same events."""
        if not self.is_new_moment:
            self.now += SECOND
        self.is_new_moment = False
        self.world.events.clear()
        latest = Event.objects.values_list("pk", flat=True).first() or 0
        yield self.now
        recorded = Event.objects.filter(pk__gt=latest).values_list("type", "subject")
        subjects = {**self.rows, **{home: str(workspace.pk) for home, workspace in self.workspaces.items()}}
        assert sorted(recorded) == sorted((type, subjects[subject]) for type, subject in self.world.events)

    def recent(self, which: int) -> Session:
        """Return the latest session, or an earlier one."""
        return self.world.sessions[-1 - which % len(self.world.sessions)]

    def home(self, name: str) -> Workspace:
        return Workspace.objects.get(pk=self.workspaces[name].pk)

    def row(self, session: Session) -> UserSession:
        return UserSession.objects.get(pk=self.rows[session])

    def ids(self, sessions: list[Session]) -> set[str]:
        return {self.rows[session] for session in sessions}

    def found(self, sessions: Any) -> set[str]:
        return set(sessions.values_list("pk", flat=True))


@pytest.mark.promise("P14")
@pytest.mark.timeout(300)
def test_the_server_always_agrees_with_the_model():
    run_state_machine_as_test(Both, settings=settings(max_examples=examples(15), stateful_step_count=30, **EXAMPLES))
