"""Ids of resources in the form that grants store, and the rows with these ids, for any number of ids at once."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Field, QuerySet, UUIDField

from sessions_core.db.compiled import CompiledQuery, kind_of
from sessions_core.db.json_rows import EachText
from sessions_core.texts import is_storable

if TYPE_CHECKING:
    from client_sessions.resources import ResourceType

__all__ = ["LONGEST_ID", "existing_keys", "lookup_value", "stored_forms"]

# Characters of a normalized id; the length of the column of grants.
LONGEST_ID = 255

# Up to so many ids are parameters of their own. SQL is compiled for 1, 2, 4 … parameters, and the rest of them repeat
# an id. More ids are one JSON parameter, because each parameter takes Django longer than an id takes to parse. So are
# the ids of a key whose type no compiled query has as a parameter.
_MOST_PARAMETERS = 32

_HEXADECIMAL = re.compile("[0-9a-f]{32}")


def stored_forms(key_field: "Field[Any, Any]", resource_ids: Iterable[str]) -> "Iterator[str | None]":
    """Yield for each id the form that grants store and the database can cast to the type of the key, or None for a
    malformed id."""
    if type(key_field) is UUIDField and not key_field.validators:
        return map(_hexadecimal, resource_ids)
    return (_stored_form(key_field, resource_id) for resource_id in resource_ids)


def _hexadecimal(text: str) -> str | None:
    """Do what ``_stored_form`` does with a UUID. A request may contain thousands of them."""
    digits = text.replace("-", "").lower()
    if _HEXADECIMAL.fullmatch(digits):
        return digits
    try:
        return UUID(text).hex  # other forms, such as "urn:uuid:…"
    except ValueError:
        return None


def _stored_form(key_field: "Field[Any, Any]", resource_id: str) -> str | None:
    try:
        value = key_field.to_python(resource_id)
        key_field.run_validators(value)  # an id that is out of range would be a database error
    except ValidationError:
        return None
    text = value.hex if isinstance(value, UUID) else str(value)
    return text if len(text) <= LONGEST_ID and is_storable(text) else None


def lookup_value(key_field: "Field[Any, Any]", stored_ids: Sequence[str]) -> Sequence[str] | EachText:
    """Return what ``filter(<key>__in=…)`` takes for these normalized ids."""
    return stored_ids if len(stored_ids) <= _MOST_PARAMETERS else EachText(json.dumps(stored_ids), key_field)


def existing_keys(
    resource_type: "ResourceType", stored_ids: Sequence[str], *, workspace_id: UUID, lock: bool
) -> Iterable[tuple[Any]]:
    """Return the keys of the rows with one of these normalized ids, each in a tuple: one query."""
    if not resource_type.is_fixed:
        return _existing(resource_type, workspace_id, lookup_value(resource_type.key_field, stored_ids), lock)
    size = 1 << (len(stored_ids) - 1).bit_length()
    if size <= _MOST_PARAMETERS and (compiled := _of_parameters(resource_type, lock, size)):
        texts = chain([str(workspace_id)], stored_ids, repeat(stored_ids[0]))
        values = {name: kind(each) for (name, kind), each in zip(compiled.kinds.items(), texts, strict=False)}
        return compiled.tuples(**values)
    return _of_array(resource_type, lock).tuples(workspace=workspace_id, ids=json.dumps(stored_ids))


def _existing(resource_type: "ResourceType", workspace: UUID, keys: Any, lock: bool) -> "QuerySet[Any, Any]":
    path = f"{resource_type.key}__in"
    rows = resource_type.in_workspace(resource_type.rows(), workspace).filter(**{path: keys}).order_by("pk")
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    return rows.values_list(resource_type.key)


@cache
def _of_parameters(resource_type: "ResourceType", lock: bool, size: int) -> "CompiledQuery[Any] | None":
    """Return the compiled query for so many ids, or None for a key field of another type."""
    if (kind := kind_of(resource_type.key_field)) is None:
        return None
    return CompiledQuery(
        resource_type.model,
        lambda workspace, **keys: _existing(resource_type, workspace, list(keys.values()), lock),
        workspace=UUID,
        **{f"key_{number}": kind for number in range(size)},
    )


@cache
def _of_array(resource_type: "ResourceType", lock: bool) -> "CompiledQuery[Any]":
    """Return the compiled query for any number of ids in a JSON array."""
    return CompiledQuery(
        resource_type.model,
        lambda workspace, ids: _existing(resource_type, workspace, EachText(ids, resource_type.key_field), lock),
        workspace=UUID,
        ids=str,
    )
