"""The traces of a person in bulk revocations: as the operator, or in the filter of the list."""

from collections.abc import Iterator, Set
from typing import Any

from sessions_core.personal_data import Person
from user_sessions.models.bulk_revocations import BulkRevocation

__all__ = ["bulk_revocations_about", "bulk_revocations_naming", "erase_bulk_revocations", "operator_of"]


def operator_of(person: Person) -> str:
    """Return the name of the person as an actor of the console."""
    return f"operator:{person.key}"


def bulk_revocations_about(person: Person, ids: Set[str]) -> Iterator[BulkRevocation]:
    """Yield those that the person began, and those whose filter names the person, or one of the ``ids`` of the person's
    sessions and clients. Operators make few rows."""
    own = operator_of(person)
    for row in BulkRevocation.objects.order_by("started_at", "pk").iterator():
        if row.actor == own or _names(row, person, ids):
            yield row


def bulk_revocations_naming(person: Person, ids: Set[str]) -> set[str]:
    """Return the ids of those whose filter names the person: their events repeat it."""
    return {row.pk for row in bulk_revocations_about(person, ids) if _names(row, person, ids)}


def erase_bulk_revocations(person: Person, ids: Set[str]) -> int:
    """Replace the person by the pseudonym. Counts and times stay. Return how many rows changed."""
    own, changed = operator_of(person), 0
    for row in bulk_revocations_about(person, ids):
        row.actor = person.pseudonym if row.actor == own else row.actor
        if _names(row, person, ids):
            row.filters = {name: [person.pseudonym] for name in row.filters}
            row.found, row.reason, row.waiting = {"pk__in": []}, person.pseudonym, []
        row.save(update_fields=["actor", "filters", "found", "reason", "waiting"])
        changed += 1
    return changed


def _names(row: BulkRevocation, person: Person, ids: Set[str]) -> bool:
    """Return True if the filter or the search of the list has the person, a session or a client of the person."""
    given = {**row.filters, **row.found}
    of_users = {str(key) for name, value in given.items() if name.startswith("user") for key in _values(value)}
    texts = {str(each) for value in given.values() for each in _values(value)}
    return str(person.key) in of_users or not ids.isdisjoint(texts)


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
