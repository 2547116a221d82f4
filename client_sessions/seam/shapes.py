"""The JSON representation of a client session."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from client_sessions import resources
from client_sessions.models import ALL, ClientSession, Grant

__all__ = ["client_session_object", "instant"]


def instant(at: datetime) -> str:
    """Format a time: RFC 3339 in UTC with six fractional digits and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def client_session_object(session: ClientSession) -> dict[str, Any]:
    """Return the object ``client_session``. Needs ``device_count`` annotated and live ``grants`` prefetched.

    It contains the token, so return it only to keys of the workspace and to the session itself.
    """
    counted: Any = session  # device_count is an annotation, not a field
    grants = session.grants.all()
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
        "device_count": counted.device_count,
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
    if grant.terms == [ALL]:
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
