"""The JSON representation of a client session, and the query for what it shows."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import F, FilteredRelation, QuerySet
from django.utils import timezone

from client_sessions import resources
from client_sessions.device_counts import count_devices, device_count
from client_sessions.models import ClientSession, Grant
from client_sessions.models.grants import FOREVER, live_at
from sessions_core.db.compiled import CompiledQuery

__all__ = ["client_session_object", "instant", "loaded_client_session", "stored_client_session"]


def instant(at: datetime) -> str:
    """Format a time: RFC 3339 in UTC with six fractional digits and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def stored_client_session(id: UUID, *, workspace_id: UUID) -> dict[str, Any] | None:
    """Return the object ``client_session`` of a session as it is stored now, or None. One query."""
    values: dict[str, Any] = {"session": id, "workspace": workspace_id, "at": timezone.now()}
    is_fixed = all(resource_type.is_fixed for resource_type in resources.registered())
    rows: list[Any] = list(_AS_STORED.rows(**values) if is_fixed else _as_stored(**values))
    if not rows:
        return None
    grants = [
        Grant(
            resource_type=row.granted_type,
            resource_id=row.granted_id,
            read_until=row.read_until,
            control_until=row.control_until,
        )
        for row in rows
        if row.granted_type
    ]
    return client_session_object(rows[0], grants, device_count=rows[0].device_count)


def loaded_client_session(session: ClientSession) -> dict[str, Any]:
    """Return the object ``client_session`` of a session that was read or changed with its grants.

    One query, or none if the grants lead to no device.
    """
    at = timezone.now()
    grants = [grant for grant in session.loaded_grants or () if grant.is_live(at)]
    granted = {grant.resource_type for grant in grants}
    return client_session_object(session, grants, device_count=count_devices(session, granted, at=at))


def _as_stored(session: UUID, workspace: UUID, at: datetime) -> QuerySet[ClientSession]:
    """Return a row for each live grant of a session, or one without a grant, with ``device_count``."""
    return (
        ClientSession.objects.filter(pk=session, workspace=workspace)
        .annotate(
            device_count=device_count(session=session, workspace=workspace, at=at),
            live_grant=FilteredRelation("grants", condition=live_at(at, of="grants__")),
            granted_type=F("live_grant__resource_type"),
            granted_id=F("live_grant__resource_id"),
            read_until=F("live_grant__read_until"),
            control_until=F("live_grant__control_until"),
        )
        .order_by("live_grant__id")
    )


_AS_STORED = CompiledQuery(
    ClientSession,
    _as_stored,
    depends_on=lambda: tuple(resources.registered()),
    session=UUID,
    workspace=UUID,
    at=datetime,
)


def client_session_object(session: ClientSession, grants: Iterable[Grant], *, device_count: int) -> dict[str, Any]:
    """Return the object ``client_session`` with these live grants.

    It contains the token, so return it only to keys of the workspace and to the session itself.
    """
    granted: dict[str, list[str]] = defaultdict(list)
    for grant in grants:
        granted[grant.resource_type].append(resources.format_id(grant.resource_type, grant.resource_id))
    identities, customers = granted.pop("user_identity", []), granted.pop("customer", [])
    accounts, webviews = granted.pop("connected_account", []), granted.pop("connect_webview", [])
    return {
        "client_session_id": str(session.pk),
        "workspace_id": str(session.workspace_id),
        "created_at": instant(session.created_at),
        "expires_at": instant(session.expires_at),
        "token": session.token,
        "user_identifier_key": session.user_identifier_key,
        "device_count": device_count,
        "connected_account_ids": accounts,
        "connect_webview_ids": webviews,
        "user_identity_ids": identities,
        # Optional members are omitted, not null. A session has at most one of each.
        **({"user_identity_id": identities[0]} if identities else {}),
        **({"customer_key": customers[0]} if customers else {}),
        **({"revoked_at": instant(session.revoked_at)} if session.revoked_at else {}),
        # Extensions of Seam's format, omitted if empty: the project's own types, and grants with terms.
        **{f"{name}_ids": ids for name, ids in granted.items()},
        **({"limited_access": limited} if (limited := [one for grant in grants for one in _limits(grant)]) else {}),
    }


def _limits(grant: Grant) -> list[dict[str, Any]]:
    """Return the terms of a grant, or an empty list for the default terms."""
    if grant.read_until == grant.control_until == FOREVER:
        return []
    return [
        {
            "resource_type": grant.resource_type,
            "resource_id": resources.format_id(grant.resource_type, grant.resource_id),
            "actions": list(terms.actions),
            "access_expires_at": instant(terms.until) if terms.until else None,
        }
        for terms in grant.terms
    ]
