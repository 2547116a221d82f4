"""The event types that are sent as webhooks, with their webhook type and body."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessions_core.models import Event

__all__ = ["Payload", "announce", "contents", "is_announced"]

# Returns the webhook body of each event, in the same order: a JSON object without secrets.
Payload = Callable[[Sequence["Event"]], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class _Announcement:
    type: str
    payload: Payload


_announced: dict[str, _Announcement] = {}


def announce(event_type: str, /, *, as_: str, payload: Payload) -> None:
    """Send events of this type as webhooks of type ``as_``. Call it in ``AppConfig.ready``.

    ``payload`` is called in the transaction of the change, after the change.
    """
    _announced[event_type] = _Announcement(as_, payload)


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
            yield event, announcement.type, json.dumps(body, separators=(",", ":"), default=str)
