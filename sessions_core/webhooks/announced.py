"""The event types that are sent as webhooks, with their webhook type and body."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessions_core.models import Event

__all__ = ["Payload", "announce", "contents", "impersonal_body", "is_announced"]

# Returns the webhook body of each event, in the same order: a JSON object without secrets.
Payload = Callable[[Sequence["Event"]], Sequence[Mapping[str, Any]]]


# Returns a body without what describes a person. Ids stay, so that the receiver knows what the message is about.
Impersonal = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class _Announcement:
    type: str
    payload: Payload
    impersonal: Impersonal | None


_announced: dict[str, _Announcement] = {}


def announce(event_type: str, /, *, as_: str, payload: Payload, impersonal: Impersonal | None = None) -> None:
    """Send events of this type as webhooks of type ``as_``. Call it in ``AppConfig.ready``.

    ``payload`` is called in the transaction of the change, after the change. ``impersonal`` is called for a message
    that waits while its person is erased. Without it such a message is deleted.
    """
    _announced[event_type] = _Announcement(as_, payload, impersonal)


def is_announced(event_type: str) -> bool:
    return event_type in _announced


def contents(events: Sequence["Event"]) -> Iterator[tuple["Event", str, str]]:
    """Yield event, webhook type and body for each of these announced events.

    The body is ASCII JSON, so the signed text and its bytes are the same for every receiver. A value in the metadata of
    a host that JSON does not support is sent as text: it must not prevent a revocation.
    """
    for event_type in dict.fromkeys(event.type for event in events):
        alike = [event for event in events if event.type == event_type]
        announcement = _announced[event_type]
        for event, body in zip(alike, announcement.payload(alike), strict=True):
            yield event, announcement.type, _text(body)


def impersonal_body(event_type: str, body: str) -> str | None:
    """Return the body without what describes a person, or None if its app does not say what that is."""
    announcement = _announced.get(event_type)
    if announcement is None or announcement.impersonal is None:
        return None
    return _text(announcement.impersonal(json.loads(body)))


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), default=str)
