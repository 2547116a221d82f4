"""Write past sessions into a workspace as sessions that are over."""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.crypto import constant_time_compare

from sessions_core.crypto.tokens import pseudonyms
from sessions_core.db.transactions import atomic
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from user_sessions.closers import IMPORTER
from user_sessions.ids import new_id
from user_sessions.imports.past_sessions import WRONG, End, Outcome, PastSession, Refused
from user_sessions.models import Activity, Client, ImportedSession, Status, UserSession
from user_sessions.models.lifetimes import ABANDONED_AFTER
from user_sessions.models.voiding import PASSWORD_CHANGED, USER_DEACTIVATED
from user_sessions.users import members

__all__ = ["History", "Report"]

# A clock of another machine can be fast by this much.
SKEW = timedelta(minutes=5)

# Before Django was published. Such a time is an empty value.
EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)

# Numbers of rows that a report names for each outcome.
MOST_NAMED = 5


@dataclass
class Report:
    """How many rows had which outcome, and the first of the skipped ones, counted from 1 in the order of reading."""

    read: int = 0
    counts: Counter[Outcome] = field(default_factory=Counter)
    first: dict[Outcome, list[int]] = field(default_factory=dict)

    def note(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self.read += 1
            self.counts[outcome] += 1
            named = self.first.setdefault(outcome, [])
            if len(named) < MOST_NAMED:
                named.append(self.read)

    @property
    def skipped(self) -> list[Outcome]:
        done = (Outcome.IMPORTED, Outcome.ALREADY_IMPORTED)
        return [outcome for outcome in Outcome if self.counts[outcome] and outcome not in done]

    @property
    def wrong(self) -> int:
        return sum(self.counts[outcome] for outcome in WRONG)


class History:
    """The sessions that a workspace takes over from one source. None of them is live, and no one has their tokens.

    A session that the source does not know as over ends with the import. No signal is sent and no webhook: each
    batch records one event.
    """

    def __init__(self, workspace: Workspace, source: str, *, at: datetime, is_dry_run: bool = False) -> None:
        self.workspace = workspace
        self.source = source
        self.at = moment(at)
        self.is_dry_run = is_dry_run
        self.report = Report()

    @property
    def actor(self) -> str:
        return f"{IMPORTER}{self.source}"

    def add(self, rows: Sequence[PastSession | Outcome]) -> None:
        """Import one batch in one transaction, or nothing of it. A fixed number of queries.

        Places are looked up before the transaction begins, because a function of the host can be slow.
        """
        outcomes = [row if isinstance(row, Outcome) else Outcome.IMPORTED for row in rows]
        found = self._found(rows, outcomes)
        known = ImportedSession.objects.known([each for one in found.values() for each in one.digests])
        new = {digest: one for digest, one in found.items() if known.isdisjoint(one.digests)}
        written = new.keys() if self.is_dry_run else self._write({digest: self._session(new[digest]) for digest in new})
        for digest in found.keys() - written:
            outcomes[found[digest].number] = Outcome.ALREADY_IMPORTED
        self.report.note(outcomes)

    def _found(self, rows: Sequence[PastSession | Outcome], outcomes: list[Outcome]) -> "dict[str, _Found]":
        """Return the rows that can be imported, by their digest. Note why the others cannot."""
        users = members(self.workspace, {row.user for row in rows if isinstance(row, PastSession)})
        found: dict[str, _Found] = {}
        for number, row in enumerate(rows):
            if isinstance(row, Outcome):
                continue
            digests = pseudonyms(f"import|{row.kind}", row.identity)
            try:
                one = _Found(number=number, row=self._checked(row), user=users.get(row.user), digests=digests)
            except Refused as refused:
                outcomes[number] = refused.outcome
                continue
            if one.user is None:
                outcomes[number] = Outcome.UNKNOWN_USER
            elif found.setdefault(digests[0], one) is not one:
                outcomes[number] = Outcome.DUPLICATE
        return found

    @atomic()
    def _write(self, sessions: dict[str, UserSession]) -> Set[str]:
        """Write those that no concurrent import has written. Return their digests."""
        claimed = ImportedSession.objects.claim(self.workspace, self.source, sessions)
        if not claimed:
            return claimed
        ours = [session for digest, session in sessions.items() if digest in claimed]
        Client.objects.bulk_create([session.client for session in ours])
        UserSession.objects.bulk_create(ours)
        Activity.objects.bulk_create([session.latest_activity for session in ours if session.latest_activity])
        Event.objects.record(
            "user_session.imported",
            subject=str(self.workspace.pk),
            workspace_id=self.workspace.pk,
            actor=self.actor,
            at=self.at,
            source=self.source,
            sessions=len(ours),
        )
        return claimed

    def _checked(self, row: PastSession) -> PastSession:
        """Return the row with times in order. Raise Refused."""
        times = [row.created_at, row.last_active_at, *([row.end.at] if row.end else [])]
        if max(times) > self.at + SKEW:
            raise Refused(Outcome.FUTURE)
        if min(times) < EARLIEST or (row.expire_at is not None and row.expire_at < row.created_at):
            raise Refused(Outcome.INVALID)
        for end in (row.expire_at, row.abandon_at):
            try:
                moment(end)
            except ValueError:
                raise Refused(Outcome.INVALID) from None
        created_at = min(row.created_at, self.at)
        return replace(row, created_at=created_at, last_active_at=min(max(created_at, row.last_active_at), self.at))

    def _session(self, found: "_Found") -> UserSession:
        """Return the session, its client and its activity, unsaved."""
        row = found.row
        end = self._end(row, found.user)
        closed_at = min(max(end.at, row.created_at), self.at)
        expire_at = row.expire_at or closed_at
        session = UserSession(
            id=new_id("sess", at=row.created_at),
            workspace=self.workspace,
            client=Client._new(self.workspace, at=row.created_at),
            user_id=found.user.pk,
            impersonator=row.impersonator,
            stored_status=end.status,
            created_at=row.created_at,
            verified_at=row.created_at,
            last_active_at=row.last_active_at,
            updated_at=closed_at,
            expire_at=expire_at,
            abandon_at=max(row.abandon_at or closed_at + ABANDONED_AFTER, expire_at),
            closed_at=closed_at,
            closed_by=self.actor,
            close_reason=end.reason,
            recorded_ends=1,
        )
        if row.device is not None:
            session.latest_activity = Activity.of(row.device, at=row.last_active_at, place=row.place)
            session.latest_activity.session = session
        return session

    def _end(self, row: PastSession, user: Any) -> End:
        if row.end is not None:
            return row.end
        if row.expire_at is not None and row.expire_at <= self.at:
            return End(status=Status.ENDED, at=row.expire_at, reason="expired")
        if not getattr(user, "is_active", True):
            return End(status=Status.REVOKED, at=row.last_active_at, reason=USER_DEACTIVATED)
        if row.auth_hash and not any(constant_time_compare(row.auth_hash, each) for each in _hashes(user)):
            return End(status=Status.REVOKED, at=row.last_active_at, reason=PASSWORD_CHANGED)
        return End(status=Status.ENDED, at=self.at, reason="imported")


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A row that can be imported: its number in the batch, its user, and its digests under each key, newest first."""

    number: int
    row: PastSession
    user: Any
    digests: Sequence[str]


def _hashes(user: Any) -> list[str]:
    """Return what Django accepts in a session as the hash of the user's password."""
    return [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
