"""Passes: credentials that were given out in a user's name, such as tokens for scripts.

An app registers the passes that it keeps, and the page "Your devices" lists them and lets the user revoke them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["Pass", "find_pass", "kinds_seen_by", "passes_of", "register"]


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
        return _kinds[self.kind].label


# Returns the usable passes of a user, the newest first, with one query.
Source = Callable[[Any], Iterable[Pass]]


@dataclass(frozen=True, kw_only=True)
class _Kind:
    label: "_StrOrPromise"
    source: Source
    permission: str


_kinds: dict[str, _Kind] = {}


def register(kind: str, source: Source, *, label: "_StrOrPromise", permission: str = "") -> None:
    """Register the source of the passes of a kind. Call it in ``AppConfig.ready``. Another source replaces it.

    ``permission`` is what an operator needs to see them on the page of a user. Without one no operator sees them there.
    """
    _kinds[kind] = _Kind(label=label, source=source, permission=permission)


def kinds_seen_by(operator: Any) -> Sequence[str]:
    """Return the kinds that this operator may see on the page of a user."""
    return [name for name, kind in _kinds.items() if kind.permission and operator.has_perm(kind.permission)]


def passes_of(user: Any, *, kinds: Collection[str] | None = None) -> Sequence[Pass]:
    """Return the passes of a user, of all kinds or of these: one query for each kind."""
    return [each for name, kind in _kinds.items() if kinds is None or name in kinds for each in kind.source(user)]


def find_pass(user: Any, kind: str, id: str) -> Pass | None:
    """Return the pass of a user with this kind and id, or None."""
    return next((each for each in passes_of(user, kinds=[kind]) if each.id == id), None)
