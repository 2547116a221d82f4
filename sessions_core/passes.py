"""Passes: credentials that were given out in a user's name, such as tokens for scripts.

An app registers the passes that it keeps, and the page "Your devices" lists them and lets the user revoke them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["Pass", "find_pass", "passes_of", "register"]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass. ``id`` is a text that is unique in its ``kind``; ``name`` can be any text.

    ``revoke(actor=…, at=…)`` revokes it and returns True if it was usable.
    """

    kind: str
    id: str
    name: str
    created_at: datetime
    revoke: Callable[..., bool]
    last_used_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def label(self) -> "_StrOrPromise":
        """Return the name of the kind, for people."""
        return _sources[self.kind][0]


# Returns the usable passes of a user, the newest first, with one query.
Source = Callable[[Any], Iterable[Pass]]

_sources: "dict[str, tuple[_StrOrPromise, Source]]" = {}


def register(kind: str, source: Source, *, label: "_StrOrPromise") -> None:
    """Register the source of the passes of a kind. Call it in ``AppConfig.ready``. Another source replaces it."""
    _sources[kind] = (label, source)


def passes_of(user: Any) -> Sequence[Pass]:
    """Return the passes of a user: one query for each kind."""
    return [each for _, source in _sources.values() for each in source(user)]


def find_pass(user: Any, kind: str, id: str) -> Pass | None:
    """Return the pass of a user with this kind and id, or None."""
    _, source = _sources.get(kind, ("", _nothing))
    return next((each for each in source(user) if each.id == id), None)


def _nothing(user: Any) -> Iterable[Pass]:
    return ()
