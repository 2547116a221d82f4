"""How a client session looks on the wire. Shapes only."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from client_sessions import resources
from client_sessions.models import ALL, ClientSession, Grant

__all__ = ["client_session_object", "instant"]


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, always with six digits and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def client_session_object(session: ClientSession) -> dict[str, Any]:
    """The object ``client_session``; wants ``device_count`` annotated and ``grants`` prefetched, those that are live.

    It holds the token, so it goes to whoever may have that: the workspace's own keys, and the session itself.
    """
    counted: Any = session  # device_count is an annotation, which its type does not know
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
        # Optional members are left out rather than null, and a session has at most one of each.
        **({"user_identity_id": identities[0]} if identities else {}),
        **({"customer_key": customers[0]} if customers else {}),
        **({"revoked_at": instant(session.revoked_at)} if session.revoked_at else {}),
        # Beyond Seam, and only where there is something to tell: types of the project's own, and grants with terms.
        **{f"{name}_ids": ids for name, ids in granted.items()},
        **({"limited_access": limited} if (limited := [one for grant in grants for one in _limits(grant)]) else {}),
    }


def _limits(grant: Grant) -> list[dict[str, Any]]:
    """What a grant allows and until when, if that is not everything for as long as the session."""
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
