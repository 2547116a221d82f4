"""Which events are sent as webhooks, under which type, and with which body."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessions_core.models import Event

__all__ = ["Payload", "announce", "contents", "is_announced"]

# Returns the body of the webhook for each of these events, in their order: a JSON object without a secret.
Payload = Callable[[Sequence["Event"]], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class _Announcement:
    type: str
    payload: Payload


_announced: dict[str, _Announcement] = {}


def announce(event_type: str, /, *, as_: str, payload: Payload) -> None:
    """Let events of this type leave as webhooks of type ``as_``. For ``AppConfig.ready``.

    ``payload`` is called inside the transaction of the change, after it.
    """
    _announced[event_type] = _Announcement(as_, payload)


def is_announced(event: "Event") -> bool:
    return event.type in _announced


def contents(events: Sequence["Event"]) -> Iterator[tuple["Event", str, str]]:
    """Yield event, type and body of the webhook for each of these announced events.

    The body is JSON in ASCII, so that text and bytes are the same to the sender and to whoever verifies it. A value of
    a host's metadata that JSON does not know is sent as its text: it must not stop a revocation.
    """
    for event_type in dict.fromkeys(event.type for event in events):
        alike = [event for event in events if event.type == event_type]
        announcement = _announced[event_type]
        for event, body in zip(alike, announcement.payload(alike), strict=True):
            yield event, announcement.type, json.dumps(body, separators=(",", ":"), default=str)
