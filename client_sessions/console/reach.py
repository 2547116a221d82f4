"""What a client session reaches, as the console shows it: its grants in words, and the rows that its token lists."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.timezone import localtime
from django.utils.translation import gettext

from client_sessions import resources
from client_sessions.models import Action, ClientSession, Grant, Status
from client_sessions.resources import ResourceType
from client_sessions.scoping import reached_by

__all__ = ["MOST_ROWS", "Reached", "reached_rows", "reached_types", "resources_of", "terms_in_words", "types_behind"]

# Rows that a page lists of a type, and counts at most.
MOST_ROWS = 100
MOST_COUNTED = 1000


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A type of which a session reaches ``number`` rows; ``is_more`` if there are more than were counted."""

    resource_type: ResourceType
    number: int
    is_more: bool


def reached_types(session: ClientSession, *, at: datetime) -> list[Reached]:
    """Return the types of which the token lists rows: one query for each registered type."""
    found = []
    for resource_type in resources.registered():
        number = _reached(resource_type, session, Action.READ, at)[: MOST_COUNTED + 1].count()
        if number:
            is_more = number > MOST_COUNTED
            found.append(Reached(resource_type=resource_type, number=min(number, MOST_COUNTED), is_more=is_more))
    return found


def reached_rows(
    session: ClientSession, resource_type: ResourceType, *, at: datetime
) -> tuple[list[tuple[Any, bool]], bool]:
    """Return the first rows of a type that the token lists, each with True if it may also control it, and whether there
    are more. Two queries."""
    rows = list(_reached(resource_type, session, Action.READ, at).order_by("pk")[: MOST_ROWS + 1])
    shown = rows[:MOST_ROWS]
    controlled = _reached(resource_type, session, Action.CONTROL, at).filter(pk__in=[row.pk for row in shown])
    keys = set(controlled.values_list("pk", flat=True))
    return [(row, row.pk in keys) for row in shown], len(rows) > MOST_ROWS


def _reached(resource_type: ResourceType, session: ClientSession, action: Action, at: datetime) -> "QuerySet[Any]":
    rows = resource_type.model._default_manager.order_by()
    return reached_by(rows, session, action=action, at=at) if session.status_at(at) == Status.LIVE else rows.none()


def resources_of(grants: Iterable[Grant]) -> dict[tuple[str, str], Any]:
    """Return the granted rows by type and id, those that exist: one query for each type."""
    ids = defaultdict(list)
    for grant in grants:
        ids[grant.resource_type].append(grant.resource_id)
    found = {}
    for name, of_type in ids.items():
        if resource_type := resources.get(name):
            for row in resource_type.rows().filter(**{f"{resource_type.key}__in": of_type}):
                key = getattr(row, resource_type.key_field.attname)
                found[name, resource_type.normalize_id(str(key))] = row
    return found


def types_behind(name: str) -> Sequence[ResourceType]:
    """Return the other types of which a grant of this type can reach rows."""
    return [
        each
        for each in resources.registered()
        if each.name != name and any(granted.name == name for granted, _ in each.paths())
    ]


def terms_in_words(grant: Grant, *, at: datetime) -> str:
    """Return what a grant allows, such as "read, control" or "read until 2026-11-27 14:03"."""
    sentences = []
    for terms in grant.terms:
        actions = ", ".join(str(action.label) for action in terms.actions)
        if terms.until is None:
            sentences.append(actions)
            continue
        sentence = gettext("%(actions)s until %(end)s") if terms.until > at else gettext("%(actions)s, ended %(end)s")
        sentences.append(sentence % {"actions": actions, "end": f"{localtime(terms.until):%Y-%m-%d %H:%M}"})
    return "; ".join(sentences)
