"""Which events leave as webhooks, under which name, and with what in them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessions_core.models import Event

__all__ = ["Payload", "announce", "contents", "is_announced"]

# What is told of each of these events, in their order: the ``data`` of its message, JSON values without a secret.
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
    """Event, type and body of the webhook for each of these announced events."""
    for event_type in dict.fromkeys(event.type for event in events):
        alike = [event for event in events if event.type == event_type]
        announcement = _announced[event_type]
        for event, data in zip(alike, announcement.payload(alike), strict=True):
            yield event, announcement.type, _body(event, announcement.type, data)


def _body(event: "Event", type: str, data: Mapping[str, Any]) -> str:
    """JSON in ASCII, so that text and bytes are the same to whoever signs and verifies. What is no JSON in a host's
    metadata becomes its text: a session must be revocable whatever they hold."""
    envelope = {
        "object": "event",
        "type": type,
        "instance_id": str(event.workspace_id),
        "timestamp": int(event.created_at.timestamp() * 1000),
        "event_attributes": {"http_request": {"client_ip": "", "user_agent": ""}},
        "data": data,
    }
    return json.dumps(envelope, separators=(",", ":"), default=str)
