"""The kinds of sessions that ``manage.py sessions`` shows and ends. Each app registers its own."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.core.management.base import CommandError

from sessions_core.models import Event, Workspace

__all__ = ["Rows", "Selection", "SessionKind", "kind_of", "kinds", "register"]

# A queryset of the sessions of an app, with its own methods.
Rows = Any

# Events that ``sessions show`` lists, the newest first.
MOST_EVENTS = 100

# Statuses of every kind, beside those of its own.
LIVE, ANY = "live", "any"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which sessions a command is about. Without a workspace, those of all."""

    workspace: Workspace | None = None
    user: str = ""
    client: str = ""


class SessionKind(ABC):
    """The sessions of one app."""

    name: ClassVar[str]
    # Facts that a list shows.
    columns: ClassVar[Sequence[str]]
    statuses: ClassVar[Sequence[str]]
    # Types of the events that record an end.
    ends: ClassVar[Sequence[str]]
    # The kind of a command that names none, if it is installed.
    is_default: ClassVar[bool] = False

    @abstractmethod
    def owns(self, id: str) -> bool:
        """Return True if the id has the form of this kind's."""

    @abstractmethod
    def rows(self) -> Rows:
        """Return all sessions."""

    @abstractmethod
    def select(self, selection: Selection) -> Rows:
        """Return the selected sessions. Raise CommandError for a user or client that does not exist."""

    @abstractmethod
    def with_status(self, rows: Rows, status: str, *, at: datetime) -> Rows:
        """Filter by one of ``statuses``, or by "live"."""

    @abstractmethod
    def with_facts(self, rows: Rows) -> Rows:
        """Join what ``facts`` reads."""

    @abstractmethod
    def facts(self, session: Any, *, at: datetime) -> dict[str, Any]:
        """Return what a list has of a session, by name. No query."""

    def details(self, session: Any, *, at: datetime) -> dict[str, Any]:
        """Return what ``sessions show`` has beside the facts."""
        return {}

    @abstractmethod
    def revoke(self, rows: Rows, *, actor: str, at: datetime, reason: str) -> int:
        """Revoke the live ones of these sessions. Return how many."""

    def revoke_all(self, workspace: Workspace, *, actor: str, at: datetime, reason: str) -> datetime | None:
        """Revoke every session of a workspace that began until now, in one step, and return the moment. Return None if
        the kind has no such step."""
        return None

    @abstractmethod
    def check_reason(self, reason: str, *, is_for_all: bool) -> None:
        """Raise CommandError for a reason that cannot be recorded."""

    @abstractmethod
    def live_by_device(self, rows: Rows, *, at: datetime) -> Rows:
        """Return workspace, device and number of the live ones of these sessions: one query."""


_kinds: dict[str, SessionKind] = {}


def register(kind: SessionKind) -> None:
    """Let ``manage.py sessions`` show and end this kind of sessions. Call it in ``AppConfig.ready``."""
    _kinds[kind.name] = kind


def kinds() -> list[SessionKind]:
    """Return the registered kinds, the default one first."""
    return sorted(_kinds.values(), key=lambda kind: not kind.is_default)


def kind_of(id: str) -> SessionKind:
    """Return the kind with ids of this form. Raise CommandError."""
    for kind in kinds():
        if kind.owns(id):
            return kind
    raise CommandError(f"{id!r} is not the id of a session.")


def events_of(id: str) -> list[dict[str, Any]]:
    """Return the newest events of a session: one query."""
    return [
        {"at": event.created_at, "type": event.type, "actor": event.actor, "reason": event.data.get("reason", "")}
        for event in Event.objects.filter(subject=id)[:MOST_EVENTS]
    ]
