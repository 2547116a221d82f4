"""Sessions of Clerk, as its Backend API returns them (``GET /v1/sessions``), and the users (``GET /v1/users``).

Only what is named here is read: an object can have tokens beside that.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sessions_core.models import Workspace
from sessions_core.texts import is_storable
from user_sessions.addresses import stored_address
from user_sessions.imports.json_records import json_records
from user_sessions.imports.past_sessions import EXPLANATIONS, End, Outcome, PastSession, Refused
from user_sessions.models import Status
from user_sessions.places import Place, stored_place
from user_sessions.user_agents import Device, stored_name
from user_sessions.users import members, members_by_address

__all__ = ["ClerkExport", "FileRefused"]

BATCH = 500

# Characters of an id, and of any other text.
LONGEST_ID = 100
LONGEST_TEXT = 500

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MILLISECONDS = 10**14

# Of a session that is over: the status it gets, and the member that says since when.
ENDS = {
    "ended": (Status.ENDED, "updated_at"),
    "removed": (Status.REMOVED, "updated_at"),
    "replaced": (Status.REPLACED, "updated_at"),
    "revoked": (Status.REVOKED, "updated_at"),
    "expired": (Status.ENDED, "expire_at"),
    "abandoned": (Status.ENDED, "abandon_at"),
}
LIVE = ("active", "pending")

T = TypeVar("T")


class FileRefused(Exception):
    """A file cannot be read, or its users cannot."""


class ClerkExport:
    """A file of sessions and one of users, which tells whose the sessions are. The ids of both are kept in memory."""

    def __init__(self, workspace: Workspace, sessions: str, users: str) -> None:
        self.workspace = workspace
        self.sessions = sessions
        self.users = users

    def batches(self) -> Iterator[list[PastSession | Outcome]]:
        """Yield what each record tells, in batches. Raise FileRefused."""
        users, seen = self._matched_users(), set[str]()
        with _records(self.sessions) as records:
            for some in _batched(records):
                yield [_converted(record, users, seen) for record in some]

    def _matched_users(self) -> dict[str, str]:
        """Return the primary keys, as text, of the matched users, by their ids at Clerk. Raise FileRefused."""
        matched: dict[str, str] = {}
        with _records(self.users) as records:
            for some in _batched(_users(records)):
                self._match(some, matched)
        return matched

    def _match(self, users: list[tuple[str, str, str]], matched: dict[str, str]) -> None:
        """Match users by ``external_id``, or else by a verified e-mail address that only one user has."""
        by_id = members(self.workspace, {external_id for _, external_id, _ in users if external_id})
        by_address = members_by_address(self.workspace, {address for _, _, address in users if address})
        for id, external_id, address in users:
            user = by_id.get(external_id)
            if user is None or str(user.pk) != external_id:  # "007" is invalid: an id has one spelling
                user = by_address.get(address)
            if user is not None:
                matched.setdefault(id, str(user.pk))


@contextmanager
def _records(path: str) -> Iterator[Iterator[dict[str, Any] | Outcome]]:
    """Open a file. Bytes that are not UTF-8 become characters that no database stores, and are refused with their
    record. Raise FileRefused."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            yield json_records(file)
    except OSError as problem:
        raise FileRefused(f"{path} cannot be read: {problem.strerror}.") from None


def _batched(records: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(records, BATCH)):
        yield some


def _converted(record: dict[str, Any] | Outcome, users: dict[str, str], seen: set[str]) -> PastSession | Outcome:
    try:
        return _past_session(record, users, seen)
    except Refused as refused:
        return refused.outcome


def _past_session(record: dict[str, Any] | Outcome, users: dict[str, str], seen: set[str]) -> PastSession:
    if isinstance(record, Outcome):
        raise Refused(record)
    id, user = _id(record, "id"), _id(record, "user_id")
    created_at, last_active_at = _time(record, "created_at"), _time(record, "last_active_at")
    expire_at, abandon_at = _time(record, "expire_at"), _time(record, "abandon_at")
    end, (device, place) = _end(record), _device(record.get("latest_activity"))
    impersonator = _impersonator(record.get("actor"))
    if id in seen:
        raise Refused(Outcome.DUPLICATE)
    seen.add(id)
    if user not in users:
        raise Refused(Outcome.FOREIGN_USER)
    return PastSession(
        kind="clerk_session",
        identity=id,
        user=users[user],
        created_at=created_at,
        last_active_at=last_active_at,
        expire_at=expire_at,
        abandon_at=abandon_at,
        end=end,
        device=device,
        place=place,
        impersonator=impersonator,
    )


def _end(record: dict[str, Any]) -> End | None:
    status = record.get("status")
    if status in LIVE:
        return None
    if not isinstance(status, str) or status not in ENDS:
        raise Refused(Outcome.INVALID)
    stored, since = ENDS[status]
    return End(status=stored, at=_time(record, since), reason=status)


def _device(activity: object) -> tuple[Device | None, Place | None]:
    if activity is None:
        return None, None
    if not isinstance(activity, dict):
        raise Refused(Outcome.INVALID)
    address = _text(activity, "ip_address")
    ip_address, address_hash = stored_address(address.partition("%")[0])
    device = Device(
        browser_name=stored_name(_text(activity, "browser_name")),
        browser_version=stored_name(_text(activity, "browser_version")),
        device_type=stored_name(_text(activity, "device_type")),
        is_mobile=activity.get("is_mobile") is True,
        ip_address=ip_address,
        address_hash=address_hash,
    )
    return device, stored_place(Place(city=_text(activity, "city"), country=_text(activity, "country")))


def _impersonator(actor: object) -> dict[str, str] | None:
    """Return who impersonated the user, without what else Clerk was told of them."""
    if actor is None:
        return None
    if not isinstance(actor, dict):
        raise Refused(Outcome.INVALID)
    return {"sub": _id(actor, "sub")}


def _users(records: Iterator[dict[str, Any] | Outcome]) -> Iterator[tuple[str, str, str]]:
    for number, record in enumerate(records, start=1):
        try:
            yield _user(record)
        except Refused as refused:
            explained = EXPLANATIONS[refused.outcome]
            raise FileRefused(f"Record {number} of the users is wrong: {explained}.") from None


def _user(record: dict[str, Any] | Outcome) -> tuple[str, str, str]:
    """Return the id, the external id and the verified primary address of a user. Raise Refused."""
    if isinstance(record, Outcome):
        raise Refused(record)
    primary, addresses = record.get("primary_email_address_id"), record.get("email_addresses") or []
    if not isinstance(addresses, list):
        raise Refused(Outcome.INVALID)
    return _id(record, "id"), _text(record, "external_id"), _verified(addresses, primary)


def _verified(addresses: Iterable[object], primary: object) -> str:
    """Return the primary address in lower case if it is verified, or an empty string."""
    for each in addresses:
        if isinstance(each, dict) and primary is not None and each.get("id") == primary:
            verification = each.get("verification")
            if isinstance(verification, dict) and verification.get("status") == "verified":
                return _text(each, "email_address").lower()
    return ""


def _id(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        raise Refused(Outcome.INVALID)
    return value


def _text(record: dict[str, Any], name: str) -> str:
    """Return a text, which may be missing."""
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not is_storable(value):
        raise Refused(Outcome.INVALID)
    return value


def _time(record: dict[str, Any], name: str) -> datetime:
    """Return a time, which is in milliseconds. Some exports write numbers as text."""
    value = record.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if type(value) is not int or not 0 < value < LATEST_MILLISECONDS:
        raise Refused(Outcome.INVALID)
    return EPOCH + timedelta(milliseconds=value)
