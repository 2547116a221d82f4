"""Which things a client session can be granted, and what else a grant reaches.

A project registers its own types next to the models they are about, in ``AppConfig.ready``::

    resources.register("building", Building)
    resources.register("door", Door, through=["building"])

Now a session granted a building reaches its doors, and one granted a door reaches that door.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Model, QuerySet

__all__ = [
    "LONGEST_ID",
    "Missing",
    "ResourceType",
    "check",
    "get",
    "known",
    "of_model",
    "register",
    "shown",
    "stored",
]

# Characters; what a grant keeps.
LONGEST_ID = 255


class Missing(Exception):
    """An id names nothing that may be granted here: it is unknown, or belongs to another workspace."""

    def __init__(self, resource_type: str, resource_id: object) -> None:
        super().__init__(resource_type, resource_id)
        self.resource_type = resource_type
        self.resource_id = resource_id


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One registered type.

    ``through`` names relations of the model that lead to other registered types: who reaches one of those reaches
    this too. ``key`` is the field that ids are looked up by. A type that need not ``exist`` is granted unseen: its
    ids are names that the caller gives before there is a row.
    """

    name: str
    model: type[Model]
    workspace: str
    through: Sequence[str]
    key: str
    must_exist: bool

    @property
    def key_field(self) -> "Field[Any, Any]":
        """The model field behind ``key``; its ``to_python`` is what tells an id from nonsense."""
        if self.key == "pk":
            return self.model._meta.pk
        field = self.model._meta.get_field(self.key)
        if not isinstance(field, Field):
            raise FieldDoesNotExist(f"{self.model.__name__}.{self.key} holds no value of its own")
        return field

    def rows(self, workspace_id: UUID) -> QuerySet[Model]:
        """Everything of this type in the workspace."""
        return self.model._default_manager.filter(**{self.workspace: workspace_id})

    def stored(self, resource_id: str) -> str:
        """The one spelling under which grants keep an id: the way the database casts it back to the key's type."""
        try:
            value = self.key_field.to_python(resource_id)
        except ValidationError:
            raise Missing(self.name, resource_id) from None
        text = value.hex if isinstance(value, UUID) else str(value)
        if len(text) > (getattr(self.key_field, "max_length", None) or LONGEST_ID):
            raise Missing(self.name, resource_id)  # no row has it, and a database might cut it to one that a row has
        return text

    def shown(self, stored_id: str) -> str:
        """The id as the API writes it."""
        return str(self.key_field.to_python(stored_id))

    def paths(self) -> list[tuple["ResourceType", str]]:
        """Every way to reach a row of this type: the type that was granted, and the look-up path to its key."""
        ways = [(self, self.key)]
        for relation in self.through:
            related = self.model._meta.get_field(relation).related_model
            if related is None:
                raise FieldDoesNotExist(f"{self.model.__name__}.{relation} is no relation")
            ways += [(granted, f"{relation}__{path}") for granted, path in of_model(related).paths()]
        return ways

    def check(self, resource_ids: Iterable[str], *, workspace_id: UUID) -> set[str]:
        """The stored spellings of ids that may be granted in this workspace. Raises Missing for one that may not."""
        wanted = {self.stored(resource_id): resource_id for resource_id in resource_ids}
        if self.must_exist and wanted:
            rows = self.rows(workspace_id).filter(**{f"{self.key}__in": list(wanted)})
            found = {self.stored(str(key)) for key in rows.values_list(self.key, flat=True)}
            for stored_id, resource_id in wanted.items():
                if stored_id not in found:
                    raise Missing(self.name, resource_id)
        return set(wanted)


_types: dict[str, ResourceType] = {}


def register(
    name: str,
    model: type[Model],
    *,
    workspace: str = "workspace",
    through: Sequence[str] = (),
    key: str = "pk",
    must_exist: bool = True,
) -> None:
    """Make a model grantable under ``name``. ``workspace`` is the look-up path to its tenant; see ResourceType."""
    _types[name] = ResourceType(
        name=name, model=model, workspace=workspace, through=through, key=key, must_exist=must_exist
    )


def get(name: str) -> ResourceType | None:
    return _types.get(name)


def stored(name: str, resource_id: str) -> str:
    """``ResourceType.stored`` by name. Raises Missing, also for a type nobody registered."""
    resource_type = get(name)
    if resource_type is None:
        raise Missing(name, resource_id)
    return resource_type.stored(resource_id)


def shown(name: str, stored_id: str) -> str:
    """``ResourceType.shown`` by name; as it is stored if the type is no longer registered."""
    resource_type = get(name)
    return resource_type.shown(stored_id) if resource_type else stored_id


def known(name: str, resource_ids: Iterable[str]) -> list[str]:
    """Those of the ids that could be one of this type, for a filter; the rest match nothing anyway."""
    possible = []
    for resource_id in resource_ids:
        with suppress(Missing):
            possible.append(stored(name, resource_id))
    return possible


def of_model(model: type[Model]) -> ResourceType:
    """The type that a model was registered as. Raises LookupError if nobody did."""
    for resource_type in _types.values():
        if resource_type.model is model:
            return resource_type
    raise LookupError(f"{model.__name__} is not registered with client_sessions.resources")


def check(wanted: Mapping[str, Iterable[str]], *, workspace_id: UUID) -> dict[str, set[str]]:
    """``ResourceType.check`` for several types at once, by name. A type nobody registered has no ids."""
    checked = {}
    for name, resource_ids in wanted.items():
        resource_type = get(name)
        ids = list(resource_ids)
        if resource_type is None and ids:
            raise Missing(name, ids[0])
        checked[name] = resource_type.check(ids, workspace_id=workspace_id) if resource_type else set()
    return checked
