"""Changes to the grants of one session, with their events."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from client_sessions.exceptions import GrantConflict
from client_sessions.models.grants import ALL, SINGLE, Grant, Terms
from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.returning import insert

if TYPE_CHECKING:
    from client_sessions.models.sessions import ClientSession


class SessionGrants:
    """The grants of a session. The session must be locked, or not stored yet."""

    def __init__(self, session: "ClientSession", grants: Iterable[Grant] = (), *, actor: str, at: datetime) -> None:
        self.session = session
        self.actor = actor
        self.at = at
        self._grants = {(grant.resource_type, grant.resource_id): grant for grant in grants}

    @classmethod
    def read(cls, session: "ClientSession", *, actor: str, at: datetime) -> "SessionGrants":
        """Read the grants: one query."""
        return cls(session, _OF_SESSION.rows(session=session.pk), actor=actor, at=at)

    def of_type(self, resource_type: str) -> dict[str, Grant]:
        """Return the grants of a type by resource id."""
        return {grant.resource_id: grant for grant in self._grants.values() if grant.resource_type == resource_type}

    def add(self, resource_type: str, ids: set[str], terms: Terms) -> None:
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
        if new:
            self._insert(resource_type, new, terms)
        self._record("granted", resource_type, changed, terms)

    def remove(self, resource_type: str, ids: Collection[str]) -> None:
        """Delete the grants of these resources, if there are any."""
        gone = [grant for one, grant in self.of_type(resource_type).items() if one in ids]
        self._delete(gone)
        self._record("grants_removed", resource_type, {grant.resource_id for grant in gone})

    def limit(self, resource_type: str, terms: Terms) -> None:
        """Limit the grants of a type to these terms."""
        wider = [
            grant
            for grant in self.of_type(resource_type).values()
            if any(getattr(grant, column) != end for column, end in terms.columns.items())
        ]
        self._update(wider, **terms.columns)
        self._record("grants_limited", resource_type, {grant.resource_id for grant in wider}, terms)

    def _insert(self, resource_type: str, ids: set[str], terms: Terms) -> None:
        grants = [
            Grant(
                client_session=self.session,
                resource_type=resource_type,
                resource_id=one,
                created_at=self.at,
                **terms.columns,
            )
            for one in sorted(ids)
        ]
        insert(grants)
        self._grants |= {(resource_type, grant.resource_id): grant for grant in grants}

    def _update(self, grants: Collection[Grant], **columns: datetime | None) -> None:
        if grants:
            Grant.objects.filter(pk__in=[grant.pk for grant in grants]).update(**columns)
        for grant in grants:
            for column, end in columns.items():
                setattr(grant, column, end)

    def _delete(self, grants: Collection[Grant]) -> None:
        if grants:
            Grant.objects.filter(pk__in=[grant.pk for grant in grants]).delete()
        for grant in grants:
            del self._grants[grant.resource_type, grant.resource_id]

    def _record(self, change: str, resource_type: str, ids: Collection[str], terms: Terms = ALL) -> None:
        if ids:
            grants = {resource_type: sorted(ids)}
            data = _terms_data(terms)
            self.session._record(f"client_session.{change}", actor=self.actor, at=self.at, grants=grants, **data)


_OF_SESSION = CompiledQuery(
    Grant, lambda session: Grant.objects.filter(client_session=session).order_by("id"), session=UUID
)


def _terms_data(terms: Terms) -> dict[str, Any]:
    """Return the data of an event for these terms; empty for the default terms."""
    if terms == ALL:
        return {}
    return {"actions": list(terms.actions), "until": terms.until.isoformat() if terms.until else None}
