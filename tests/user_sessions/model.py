"""A simple model of user sessions in plain Python, without database and product code.

Where the product derives a status (an epoch, an expiry), this model loops over all sessions and stores it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

FINAL = {"ended", "expired", "removed", "replaced", "revoked", "abandoned"}
TOUCH_INTERVAL = timedelta(seconds=60)
TOKEN_LIFETIME = timedelta(seconds=60)
ABANDONED_AFTER = timedelta(days=30)


class Refused(Exception):
    """A refusal with the name of the product's error class."""


@dataclass(frozen=True)
class Policy:
    lifetime: timedelta | None = timedelta(days=7)
    idle: timedelta | None = None
    limit: int | None = None
    ends_oldest: bool = False
    single: bool = False

    @property
    def touch_interval(self) -> timedelta:
        return min(TOUCH_INTERVAL, self.idle / 10) if self.idle else TOUCH_INTERVAL

    def end(self, latest: datetime | None, at: datetime) -> datetime:
        idle = at + self.idle if self.idle else None
        return min(moment for moment in (latest, idle) if moment is not None)


@dataclass(eq=False)
class Holder:
    """A user. A change by ``update()`` sends no signal."""

    is_active: bool = True
    password: int = 0


@dataclass(eq=False)
class Client:
    home: str
    selected: "Session | None" = None


@dataclass(eq=False)
class Session:
    home: str
    user: str
    holder: Holder
    client: Client
    born: datetime
    latest: datetime | None
    expires: datetime
    impersonator: bool
    tasks: list[str]
    ending: str = ""
    closed: tuple[datetime, str, str] | None = None
    by_epoch: bool = False

    def __post_init__(self) -> None:
        self.last_active = self.updated = self.born
        self.abandoned = max(self.born + ABANDONED_AFTER, self.expires)
        self.password = self.holder.password

    @property
    def void_reason(self) -> str:
        if not self.holder.is_active:
            return "user_deactivated"
        return "password_changed" if self.holder.password != self.password else ""

    def is_void(self, at: datetime) -> bool:
        """Return True if the session is open but its user's row makes it void."""
        return not self.ending and at < self.expires and self.void_reason != ""

    def status(self, at: datetime) -> str:
        if self.ending in ("revoked", "removed"):
            return self.ending
        if at >= self.abandoned:
            return "abandoned"
        if self.ending:
            return self.ending
        if at >= self.expires:
            return "expired"
        if self.void_reason:
            return "revoked"
        return "pending" if self.tasks else "active"

    def is_live(self, at: datetime) -> bool:
        return self.status(at) in ("active", "pending")


@dataclass
class World:
    policies: dict[str, Policy]
    holders: dict[str, Holder]
    sessions: list[Session] = field(default_factory=list)
    # Events of the current step: type, and the session or workspace.
    events: list[tuple[str, Any]] = field(default_factory=list)

    def live(self, at: datetime, **which: Any) -> list[Session]:
        found = [session for session in self.sessions if session.is_live(at)]
        return [session for session in found if all(getattr(session, name) == it for name, it in which.items())]

    def sign_in(
        self,
        home: str,
        user: str,
        at: datetime,
        *,
        actor: str = "test",
        client: Client | None = None,
        replacing: bool = False,
        impersonator: bool = False,
        tasks: list[str] | None = None,
        lifetime: timedelta | None = None,
    ) -> Session:
        policy = self.policies[home]
        if not self.holders[user].is_active:
            raise Refused("UserInactive")
        out: list[Session] = []
        if client:
            out = self._out_of_the_way(home, user, client, at, replacing=replacing, impersonator=impersonator)
        too_many = [] if impersonator else self._too_many(home, user, at, out)
        for session in out:
            self.close(
                session, "revoked" if session.is_void(at) else "replaced", at, actor, "another session took its place"
            )
        for session in too_many:
            self.close(session, "ended", at, actor, "the user's limit of live sessions was reached")
        allowed = [span for span in (policy.lifetime, lifetime) if span]
        latest = at + min(allowed) if allowed else None
        client = client or Client(home)
        expires = policy.end(latest, at)
        session = Session(home, user, self.holders[user], client, at, latest, expires, impersonator, list(tasks or []))
        client.selected = session
        self.sessions.append(session)
        self.events.append(("user_session.pending" if tasks else "user_session.created", session))
        return session

    def _too_many(self, home: str, user: str, at: datetime, out: list[Session]) -> list[Session]:
        policy = self.policies[home]
        if not policy.limit:
            return []
        mine = [session for session in self.live(at, home=home, user=user, impersonator=False) if session not in out]
        too_many = mine[: max(0, len(mine) + 1 - policy.limit)]
        if too_many and not policy.ends_oldest:
            raise Refused("TooManySessions")
        return too_many

    def _out_of_the_way(
        self, home: str, user: str, client: Client, at: datetime, *, replacing: bool, impersonator: bool
    ) -> list[Session]:
        if client.home != home:
            raise Refused("ForeignClient")
        here = self.live(at, client=client)
        if any(session.impersonator for session in here):
            raise Refused("Impersonated")
        single = self.policies[home].single
        out = [session for session in here if single or impersonator or session.user == user]
        if out and not (replacing or impersonator):
            raise Refused("SessionExists" if single else "AlreadySignedIn")
        void = [session for session in self.sessions if session.client is client and session.is_void(at)]
        return out + [session for session in void if single or impersonator or session.impersonator]

    def close(self, session: Session, ending: str, at: datetime, actor: str, reason: str) -> bool:
        """``ending`` is ended, revoked, replaced or removed. A final state can only change to removed."""
        status, was_void = session.status(at), session.is_void(at)
        may = status not in FINAL or (was_void and ending == "revoked")
        if not may and (ending != "removed" or status in ("removed", "abandoned")):
            return False
        if was_void:
            actor, reason = f"system:{session.void_reason}", session.void_reason
        session.ending, session.updated = ending, at
        session.closed = session.closed or (at, actor, reason)
        session.by_epoch = False
        self.events.append((f"user_session.{ending}", session))
        return True

    def revoke_all(self, sessions: list[Session], at: datetime, actor: str, reason: str) -> list[Session]:
        return [session for session in sessions if self.close(session, "revoked", at, actor, reason)]

    def epoch(self, home: str, at: datetime, actor: str, reason: str) -> None:
        open = [session for session in self.sessions if session.is_live(at) or session.is_void(at)]
        for session in (session for session in open if session.home == home):
            session.ending, session.closed, session.by_epoch = "revoked", (at, actor, reason), True
        self.events.append(("epoch.begun", home))

    def touch(self, session: Session, at: datetime) -> bool:
        if not session.is_live(at):
            raise Refused("NotLive")
        session.client.selected = session
        policy = self.policies[session.home]
        if at - session.last_active < policy.touch_interval:
            return False
        session.last_active = session.updated = at
        self._prolong(session, policy.end(self._latest(session), at))
        return True

    def mint(self, session: Session, at: datetime) -> int:
        """Return ``exp`` of the token, in seconds."""
        if not session.is_live(at):
            raise Refused("NotLive")
        policy = self.policies[session.home]
        if policy.idle:
            end = policy.end(self._latest(session), at)
            # A new or shorter limit also applies to sessions in use.
            if not timedelta(0) <= end - session.expires < policy.touch_interval:
                self._prolong(session, end)
        return min(int(at.timestamp() + TOKEN_LIFETIME.total_seconds()), int(session.expires.timestamp()))

    def set_task(self, session: Session, task: str, at: datetime, *, required: bool) -> bool:
        if not session.is_live(at) or (task in session.tasks) == required:
            return False
        before = session.status(at)
        session.tasks = [*session.tasks, task] if required else [name for name in session.tasks if name != task]
        session.updated = at
        if session.status(at) != before:
            self.events.append((f"user_session.{'pending' if required else 'activated'}", session))
        return True

    def listed(self, client: Client, at: datetime) -> list[Session]:
        gone = {"removed", "abandoned"} | ({"revoked"} if self.policies[client.home].single else set())
        return [each for each in self.sessions if each.client is client and each.status(at) not in gone]

    def in_use(self, client: Client, at: datetime) -> Session | None:
        live = self.live(at, client=client)
        if client.selected in live:
            return client.selected
        return max(live, key=lambda session: session.last_active, default=None)

    def _latest(self, session: Session) -> datetime | None:
        lifetime = self.policies[session.home].lifetime
        return session.latest or (session.born + lifetime if lifetime else None)

    def _prolong(self, session: Session, end: datetime) -> None:
        session.expires = end
        session.abandoned = max(session.abandoned, end)
