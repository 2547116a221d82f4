"""Changes to the grants of one session, with their events."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db.models import Model

from client_sessions import resources
from client_sessions.exceptions import GrantConflict
from client_sessions.models.grants import ALL, SINGLE, Grant, Terms
from client_sessions.models.policies import ClientSessionPolicy
from client_sessions.wanted import NormalizedWanted
from sessions_core.crypto import tokens
from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.returning import Insert
from sessions_core.models import Event

if TYPE_CHECKING:
    from client_sessions.models.sessions import ClientSession


class SessionGrants:
    """The grants of a session. To change them, the session must be locked, or new.

    Use it in ``with``: changes are made in memory and stored at the end of the block. A new session, its grants and the
    events are inserted together.
    """

    def __init__(self, session: "ClientSession", grants: Iterable[Grant] = (), *, actor: str, at: datetime) -> None:
        self.session = session
        self.actor = actor
        self.at = at
        self._grants = {(grant.resource_type, grant.resource_id): grant for grant in grants}
        self._new: list[Grant] = []
        self._deleted: list[int] = []
        self._updated: dict[tuple[tuple[str, datetime | None], ...], list[int]] = {}
        self._events: list[Event] = []

    @classmethod
    def read(cls, session: "ClientSession", *, actor: str, at: datetime) -> Self:
        """Read the grants: one query."""
        return cls(session, _OF_SESSION.rows(session=session.pk), actor=actor, at=at)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._store()

    def of_type(self, resource_type: str) -> dict[str, Grant]:
        """Return the grants of a type by resource id."""
        return {grant.resource_id: grant for grant in self._grants.values() if grant.resource_type == resource_type}

    def are(self, wanted: Mapping[str, Set[str]], terms: Terms) -> bool:
        """Return True if the grants of each of these types are live, for exactly these ids, and with these terms."""
        columns = terms.columns
        for resource_type, ids in wanted.items():
            granted = self.of_type(resource_type)
            if granted.keys() != ids:
                return False
            if not all(_has(grant, columns) and grant.is_live(self.at) for grant in granted.values()):
                return False
        return True

    def add(self, resource_type: str, ids: Set[str], terms: Terms) -> None:
        """Add or extend the grants of these resources to at least these terms.

        Raise GrantConflict for a second resource of a type in SINGLE.
        """
        self._delete([grant for grant in self.of_type(resource_type).values() if not grant.is_live(self.at)])
        granted = self.of_type(resource_type)
        if resource_type in SINGLE and len(granted.keys() | ids) > 1:
            raise GrantConflict(resource_type)
        changed = new = ids - granted.keys()
        for column, end in terms.ends.items():
            ends = {one: getattr(granted[one], column) for one in ids - new}
            shorter = [granted[one] for one, until in ends.items() if until is None or until < end]
            self._update(shorter, **{column: end})
            changed = changed | {grant.resource_id for grant in shorter}
        self._insert(resource_type, new, terms)
        self._record_change("granted", resource_type, changed, terms)

    def remove(self, resource_type: str, ids: Collection[str], **data: Any) -> None:
        """Delete the grants of these resources, if there are any. ``data`` is added to the event."""
        gone = [grant for one, grant in self.of_type(resource_type).items() if one in ids]
        self._delete(gone)
        self._record_change("grants_removed", resource_type, {grant.resource_id for grant in gone}, **data)

    def limit(self, resource_type: str, terms: Terms) -> None:
        """Limit the grants of a type to these terms."""
        columns = terms.columns
        wider = [grant for grant in self.of_type(resource_type).values() if not _has(grant, columns)]
        self._update(wider, **columns)
        self._record_change("grants_limited", resource_type, {grant.resource_id for grant in wider}, terms)

    def record(self, type: str, **data: Any) -> None:
        """Record an event of the session together with those of its grants."""
        session = self.session
        facts = {"subject": str(session.pk), "workspace_id": session.workspace_id, "data": data}
        self._events.append(Event(type=type, actor=self.actor, created_at=self.at, **facts))

    def _insert(self, resource_type: str, ids: Set[str], terms: Terms) -> None:
        facts = {"client_session": self.session, "created_at": self.at, **terms.columns}
        grants = [Grant(resource_type=resource_type, resource_id=one, **facts) for one in sorted(ids)]
        self._new += grants
        self._grants |= {(resource_type, grant.resource_id): grant for grant in grants}

    def _update(self, grants: Collection[Grant], **columns: datetime | None) -> None:
        if grants:
            self._updated.setdefault(tuple(columns.items()), []).extend(grant.pk for grant in grants)
        for grant in grants:
            for column, end in columns.items():
                setattr(grant, column, end)

    def _delete(self, grants: Collection[Grant]) -> None:
        for grant in grants:
            self._deleted.append(grant.pk)
            del self._grants[grant.resource_type, grant.resource_id]

    def _record_change(
        self, change: str, resource_type: str, ids: Collection[str], terms: Terms = ALL, **data: Any
    ) -> None:
        if ids:
            grants = {resource_type: sorted(ids)}
            self.record(f"client_session.{change}", grants=grants, **_terms_data(terms), **data)

    def _store(self) -> None:
        if self._deleted:
            Grant.objects.filter(pk__in=self._deleted).delete()
        for columns, ids in self._updated.items():
            Grant.objects.filter(pk__in=ids).update(**dict(columns))
        new: list[Sequence[Model]] = [[self.session] if self.session._state.adding else [], self._new]
        inserts = [Insert.plain(rows) for rows in new if rows]
        Event.objects.record_together(self._events, beside=inserts)
        self.session.loaded_grants = list(self._grants.values())


def grants_match(
    session: "ClientSession", wanted: NormalizedWanted, *, terms: Terms, expires_at: datetime | None, at: datetime
) -> bool:
    """Return True if ``replace_grants`` would change nothing, according to ``loaded_grants``, which must have been read
    just now. Raise resources.Missing."""
    if session.loaded_grants is None or tokens.with_newest_key(session.token_key) != session.token_key:
        return False
    if expires_at is not None:
        end = ClientSessionPolicy.of(session.workspace).end(expires_at, at=at)
        if end != session.expires_at:
            return False
    ids = {name: set(resources.valid_ids(name, given)) for name, given in wanted.items()}
    if not SessionGrants(session, session.loaded_grants, actor="", at=at).are(ids, terms):
        return False
    resources.check(wanted, workspace_id=session.workspace_id)
    return True


_OF_SESSION = CompiledQuery(
    Grant, lambda session: Grant.objects.filter(client_session=session).order_by("id"), session=UUID
)


def _has(grant: Grant, columns: Mapping[str, datetime | None]) -> bool:
    return all(getattr(grant, column) == end for column, end in columns.items())


def _terms_data(terms: Terms) -> dict[str, Any]:
    """Return the data of an event for these terms; empty for the default terms."""
    if terms == ALL:
        return {}
    return {"actions": list(terms.actions), "until": terms.until.isoformat() if terms.until else None}
