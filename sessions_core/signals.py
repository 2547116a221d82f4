"""Django signals about recorded events, sent after the transaction of the event has committed.

An app declares which signal an event type sends. No change that records its event can then forget the signal, and
none that is rolled back sends it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.dispatch import Signal

from sessions_core.db.transactions import on_commit

if TYPE_CHECKING:
    from sessions_core.models import Event

__all__ = ["has_receivers", "schedule", "send_after"]

# Yields the arguments of each sending for events of one type and one call, such as 10,000 sessions revoked at once.
Arguments = Callable[[Sequence["Event"]], Iterator[Mapping[str, Any]]]


@dataclass(frozen=True)
class _Rule:
    signal: Signal
    sender: type[Model]
    arguments: Arguments

    def send(self, events: Sequence["Event"]) -> None:
        """Send the signal. The error of a receiver is logged, and the others still receive it."""
        for arguments in self.arguments(events):
            self.signal.send_robust(self.sender, **arguments)


_rules: dict[str, list[_Rule]] = {}


def send_after(*event_types: str, signal: Signal, sender: type[Model], arguments: Arguments) -> None:
    """Send the signal after events of these types. Call it once, in the module that defines the signal."""
    for event_type in event_types:
        _rules.setdefault(event_type, []).append(_Rule(signal, sender, arguments))


def schedule(events: Sequence["Event"]) -> None:
    """Send the signals about events of one type when the transaction commits. Without receivers it does nothing."""
    for rule in _listened(events[0].type) if events else ():
        on_commit(partial(rule.send, events))


def has_receivers(event_type: str) -> bool:
    """Return True if anyone receives a signal about events of this type."""
    return any(_listened(event_type))


def _listened(event_type: str) -> Iterator[_Rule]:
    return (rule for rule in _rules.get(event_type, ()) if rule.signal.has_listeners(rule.sender))
