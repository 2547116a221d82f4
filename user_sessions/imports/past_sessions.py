"""What a source tells of one session, and what became of each row that was read."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from user_sessions.models import Status
from user_sessions.places import Place
from user_sessions.user_agents import Device, device_of

__all__ = ["EXPLANATIONS", "WRONG", "End", "Outcome", "PastSession", "Refused", "device_seen"]


class Outcome(StrEnum):
    IMPORTED = "imported"
    ALREADY_IMPORTED = "already_imported"
    # Skipped
    NO_USER = "no_user"
    UNKNOWN_USER = "unknown_user"
    ADOPTED = "adopted"
    UNREADABLE = "unreadable"
    NO_TIME = "no_time"
    # Skipped, and the source is wrong
    DUPLICATE = "duplicate"
    FOREIGN_USER = "foreign_user"
    FUTURE = "future"
    INVALID = "invalid"
    NOT_JSON = "not_json"
    TOO_LONG = "too_long"


EXPLANATIONS = {
    Outcome.NO_USER: "no user is signed in",
    Outcome.UNKNOWN_USER: "the workspace has no such user any more",
    Outcome.ADOPTED: "it is a user session already",
    Outcome.UNREADABLE: "its data was not signed with SECRET_KEY or one of its fallbacks",
    Outcome.NO_TIME: "it has no time of creation",
    Outcome.DUPLICATE: "the id occurs twice",
    Outcome.FOREIGN_USER: "no user matches by external_id or by a verified e-mail address",
    Outcome.FUTURE: "a time is in the future",
    Outcome.INVALID: "a value is missing or invalid",
    Outcome.NOT_JSON: "it is not JSON; in a list, nothing after it was read",
    Outcome.TOO_LONG: "the record is too long; in a list, nothing after it was read",
}

# The import succeeds only without these.
WRONG = {
    *(Outcome.DUPLICATE, Outcome.FOREIGN_USER, Outcome.FUTURE),
    *(Outcome.INVALID, Outcome.NOT_JSON, Outcome.TOO_LONG),
}


class Refused(Exception):
    """A row cannot be imported."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class End:
    """How a session ended, when, and why."""

    status: Status
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class PastSession:
    """One session of a source.

    ``identity`` identifies it among those of its ``kind``. It can be a secret, and only a keyed digest of it is stored.
    ``user`` is the primary key of the user as text. Without ``expire_at`` it never expires. Without ``end`` the
    source does not know it as over.
    """

    kind: str
    identity: str = field(repr=False)
    user: str
    created_at: datetime
    last_active_at: datetime
    expire_at: datetime | None = None
    abandon_at: datetime | None = None
    end: End | None = None
    device: Device | None = None
    place: Place | None = None
    impersonator: dict[str, Any] | None = None
    # As in a Django session: another password gives another hash.
    auth_hash: str = field(default="", repr=False)


def device_seen(user_agent: str | None, address: str | None) -> Device | None:
    """Return the device, or None if the source knows neither. Address and agent can be any text.

    A loopback address is unknown: django-user-sessions' ``migratesessions`` writes it into every row.
    """
    # PostgreSQL writes 192.0.2.7/32, and a zone (RFC 4007) names an interface of another machine.
    plain = (address or "").partition("/")[0].partition("%")[0]
    try:
        known = "" if ip_address(plain).is_loopback else plain
    except ValueError:
        known = ""
    return device_of(user_agent or "", known) if user_agent or known else None
