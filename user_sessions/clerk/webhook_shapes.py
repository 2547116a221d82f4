"""Webhooks about user sessions, in the JSON shapes of the Backend API."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.json_rows import EachText
from sessions_core.db.transactions import atomic
from sessions_core.models import Event
from sessions_core.webhooks import announce
from user_sessions.clerk.backend.backend_shapes import session_object, user_object
from user_sessions.clerk.shapes import milliseconds
from user_sessions.clerk.versions import VERSIONS
from user_sessions.models import UserSession
from user_sessions.models.voiding import binds

logger = logging.getLogger(__name__)

# Clerk sends no webhook for a session that expires, is abandoned or is replaced.
ANNOUNCED = ("created", "pending", "ended", "removed", "revoked", "token_reused")


def payload(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the envelope of each event. The data is the session at the time of the event, and its user."""
    ids = json.dumps([event.subject for event in events])
    sessions = {session.pk: session for session in _NAMED.rows(ids=ids)}
    users = {user.pk: _user(user) for user in {session.user_id: session.user for session in sessions.values()}.values()}
    return [
        _envelope(event, _session(session, event) | {"user": users[session.user_id]})
        for event in events
        for session in [sessions[event.subject]]
    ]


def impersonal(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the envelope with the ids, the status and the times of the session, and null for its user."""
    described = ("latest_activity", "actor", "user")
    data = {name: value for name, value in body["data"].items() if name not in described}
    return {**body, "data": {**data, "actor": None, "user": None}}


def _envelope(event: Event, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": "event",
        "type": event.type.removeprefix("user_"),
        "instance_id": str(event.workspace_id),
        "timestamp": milliseconds(event.created_at),
        "event_attributes": {"http_request": {"client_ip": "", "user_agent": ""}},
        "data": data,
    }


def _session(session: UserSession, event: Event) -> dict[str, Any]:
    data = session_object(session, at=event.created_at, version=VERSIONS[-1])
    data.pop("tasks", None)  # not part of the published shape
    return data


def _user(user: Any) -> dict[str, Any] | None:
    """Return the user without private metadata.

    Return None if the host's profile function fails or returns a value that is not JSON: a session must be revocable
    all the same.
    """
    try:
        with atomic():  # a failed query in the host's function must not roll back the revocation
            found = user_object(user) | {"private_metadata": {}}
            json.dumps(found, default=str, allow_nan=False)
    except Exception:
        logger.exception("The webhook has no user data: the profile of user %s failed.", user.pk)
        return None
    return found


_NAMED = CompiledQuery(
    UserSession,
    lambda ids: (
        UserSession.objects.with_status_facts()
        .select_related("user", "latest_activity")
        .filter(pk__in=EachText(ids))
        .order_by()
    ),
    depends_on=binds,
    ids=str,
)

for transition in ANNOUNCED:
    announce(f"user_session.{transition}", as_=f"session.{transition}", payload=payload, impersonal=impersonal)
