"""Which things a client session can be granted, and what else a grant reaches.

A project registers its own types next to the models they are about, in ``AppConfig.ready``::

    resources.register("building", Building)
    resources.register("door", Door, through=["building"])

Now a session granted a building reaches its doors, and one granted a door reaches that door.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.db.models import Exists, Field, Model, OuterRef, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.manager import BaseManager
from django.db.models.signals import post_delete
from django.dispatch import Signal

from client_sessions.registration import model_problem
from sessions_core.texts import is_storable

__all__ = [
    "LONGEST_ID",
    "Missing",
    "ResourceType",
    "check",
    "format_id",
    "get",
    "normalize_id",
    "of_model",
    "register",
    "registered",
    "related_model_of",
    "resource_deleted",
    "valid_ids",
]

# Sent once a row of a registered model is deleted, with ``using``, ``resource_type``, ``resource_id`` as it is stored,
# and ``workspace_id``: None where no other workspace can have that id.
resource_deleted = Signal()

M = TypeVar("M", bound=Model)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)

# Characters; what a grant keeps.
LONGEST_ID = 255


class Missing(Exception):
    """An id names nothing that may be granted here: it is unknown, or belongs to another workspace."""

    def __init__(self, resource_type: str, resource_id: object) -> None:
        super().__init__(resource_type, resource_id)
        self.resource_type = resource_type
        self.resource_id = resource_id


@dataclass(frozen=True, kw_only=True, eq=False)
class ResourceType:
    """One registered type.

    ``through`` names relations of the model that lead to other registered types: who reaches one of those reaches
    this too. ``key`` is the field that ids are looked up by. A type that need not ``exist`` is granted unseen: its
    ids are names that the caller gives before there is a row. Without a ``workspace`` path all rows belong to the
    only workspace there is, and to nobody as soon as there are two. ``device_count`` of a session is the number of rows
    it reaches of the types that are ``counted``.
    """

    name: str
    model: type[Model]
    workspace: str | None
    through: Sequence[str]
    key: str
    must_exist: bool
    counted: bool

    @property
    def key_field(self) -> "Field[Any, Any]":
        """The model field behind ``key``; its ``to_python`` is what tells an id from nonsense."""
        if self.key == "pk":
            return self.model._meta.pk
        field = self.model._meta.get_field(self.key)
        if not isinstance(field, Field):
            raise FieldDoesNotExist(f"{self.model.__name__}.{self.key} holds no value of its own")
        return field

    def rows(self) -> "QuerySet[Any]":
        """The rows that the default manager of the model shows, without what it joins, annotates or groups: PostgreSQL
        locks no row of a query that does."""
        shown = self.model._default_manager.order_by()
        if type(self.model._default_manager).get_queryset is BaseManager.get_queryset:
            return shown
        return QuerySet(self.model).filter(pk__in=shown.values("pk"))

    def in_workspace(self, rows: "QuerySet[M]", workspace_id: UUID | Combinable) -> "QuerySet[M]":
        """Those rows of this type that belong to the workspace."""
        if self.workspace is None:
            workspaces = apps.get_model("sessions_core", "Workspace")  # this module is imported before any model
            if isinstance(workspace_id, OuterRef):
                workspace_id = OuterRef(workspace_id)  # one level further out, from within Exists
            return rows.exclude(Exists(workspaces._default_manager.exclude(pk=workspace_id)))
        return rows.filter(**{self.workspace: workspace_id})

    def normalize_id(self, resource_id: str) -> str:
        """The one spelling under which grants keep an id: the way the database casts it back to the key's type."""
        try:
            value = self.key_field.to_python(resource_id)
            self.key_field.run_validators(value)  # too long or too large: no row has it, and a database would stumble
        except ValidationError:
            raise Missing(self.name, resource_id) from None
        text = value.hex if isinstance(value, UUID) else str(value)
        if len(text) > LONGEST_ID or not is_storable(text):
            raise Missing(self.name, resource_id)
        return text

    def workspace_of(self, row: Model) -> UUID | None:
        """The workspace of a row, where another one may have the same id; None where none can.

        Raises LookupError for a row that belongs to none.
        """
        if self.workspace is None or self.key_field.unique:
            return None
        owner: Any = row
        for relation in self.workspace.split("__"):
            owner = getattr(owner, relation, None)
        if owner is None:
            raise LookupError(f"{row} belongs to no workspace")
        workspace_id: UUID = owner.pk
        return workspace_id

    def format_id(self, stored_id: str) -> str:
        """The id as the API writes it."""
        return str(self.key_field.to_python(stored_id))

    def paths(self) -> list[tuple["ResourceType", str]]:
        """Every way to reach a row of this type: the type that was granted, and the look-up path to its key."""
        ways = [(self, self.key)]
        for relation in self.through:
            ways += [(granted, f"{relation}__{path}") for granted, path in self.related(relation).paths()]
        return ways

    def related(self, path: str) -> "ResourceType":
        """The type that a path of relations leads to. Raises FieldDoesNotExist, or LookupError if it has none."""
        return of_model(related_model_of(self.model, path))

    def check(self, resource_ids: Iterable[str], *, workspace_id: UUID, lock: bool) -> set[str]:
        """The stored spellings of ids that may be granted in this workspace. Raises Missing for one that may not.

        ``hold``: the rows stay until the transaction ends.
        """
        wanted = {self.normalize_id(resource_id): resource_id for resource_id in resource_ids}
        if self.must_exist and wanted:
            rows = self.in_workspace(self.rows(), workspace_id)
            rows = rows.filter(**{f"{self.key}__in": list(wanted)}).order_by("pk")
            if lock:
                rows = rows.select_for_update(of=("self",), no_key=True)
            found = {self.normalize_id(str(key)) for key in rows.values_list(self.key, flat=True)}
            for stored_id, resource_id in wanted.items():
                if stored_id not in found:
                    raise Missing(self.name, resource_id)
        return set(wanted)


_types: dict[str, ResourceType] = {}


def register(
    name: str,
    model: type[Model],
    *,
    workspace: str | None = "workspace",
    through: Sequence[str] = (),
    key: str = "pk",
    must_exist: bool = True,
    counted: bool = False,
) -> None:
    """Make a model grantable under ``name``, a word in lower case. See ResourceType for the rest.

    The value of ``key`` must never change: grants are found by it. The paths are looked at by the system checks, once
    every model is there. Raises ImproperlyConfigured for a name that is none, a name or model registered already, and a
    model whose rows can never be granted.
    """
    if not _NAME.fullmatch(name):
        raise ImproperlyConfigured(f"{name!r} is no name for a resource type: at most 60 of a-z, 0-9 and _.")
    if problem := model_problem(model):
        raise ImproperlyConfigured(f"{name!r} cannot be registered: {problem}.")
    if isinstance(through, str):
        raise ImproperlyConfigured(f"{name!r} cannot be registered: through={through!r} must be a list of relations.")
    for known_type in _types.values():
        if (known_type.name == name) != (known_type.model is model):
            raise ImproperlyConfigured(
                f"{model.__name__} cannot be registered as {name!r}: "
                f"{known_type.model.__name__} is registered as {known_type.name!r}."
            )
    _types[name] = ResourceType(
        name=name,
        model=model,
        workspace=workspace,
        through=through,
        key=key,
        must_exist=must_exist,
        counted=counted,
    )
    for each in apps.get_models():
        if each._meta.concrete_model is model:  # the model itself and its proxies
            post_delete.connect(_announce, sender=each, dispatch_uid="client_sessions.resources")


def _announce(sender: type[Model], instance: Model, using: str, **_: Any) -> None:
    resource_type = of_model(sender)
    key = getattr(instance, resource_type.key_field.attname)
    if key is None:
        return
    try:
        resource_id = resource_type.normalize_id(str(key))
        workspace_id = resource_type.workspace_of(instance)
    except (Missing, LookupError):
        return  # what could not be granted needs no forgetting
    # Outside of that: whoever fails to forget must fail the deletion.
    payload = {"resource_type": resource_type.name, "resource_id": resource_id, "workspace_id": workspace_id}
    resource_deleted.send(sender, using=using, **payload)


def registered() -> list[ResourceType]:
    """Every type, in the order of registration."""
    return list(_types.values())


def get(name: str) -> ResourceType | None:
    return _types.get(name)


def normalize_id(name: str, resource_id: str) -> str:
    """``ResourceType.stored`` by name. Raises Missing, also for a type nobody registered."""
    resource_type = get(name)
    if resource_type is None:
        raise Missing(name, resource_id)
    return resource_type.normalize_id(resource_id)


def format_id(name: str, stored_id: str) -> str:
    """``ResourceType.shown`` by name; as it is stored if the type is no longer registered."""
    resource_type = get(name)
    return resource_type.format_id(stored_id) if resource_type else stored_id


def valid_ids(name: str, resource_ids: Iterable[str]) -> list[str]:
    """Those of the ids that could be one of this type, for a filter; the rest match nothing anyway."""
    possible = []
    for resource_id in resource_ids:
        with suppress(Missing):
            possible.append(normalize_id(name, resource_id))
    return possible


def of_model(model: type[Model]) -> ResourceType:
    """The type that a model was registered as. Raises LookupError if nobody did."""
    for resource_type in _types.values():
        if resource_type.model is model._meta.concrete_model:
            return resource_type
    raise LookupError(f"{model.__name__} is not registered with client_sessions.resources")


def related_model_of(model: type[Model], path: str, *, to_one: bool = False) -> type[Model]:
    """The model that a path of relations leads to. Raises FieldDoesNotExist.

    ``to_one``: each of them must lead to a single row.
    """
    for name in path.split("__"):
        field = model._meta.get_field(name)
        related = field.related_model
        if not isinstance(related, type):
            raise FieldDoesNotExist(f"{model.__name__}.{name} is no relation")
        if to_one and (field.many_to_many or field.one_to_many):
            raise FieldDoesNotExist(f"{model.__name__}.{name} leads to many rows")
        model = related
    return model


def check(wanted: Mapping[str, Iterable[str]], *, workspace_id: UUID, lock: bool = False) -> dict[str, set[str]]:
    """``ResourceType.check`` for several types at once, by name. A type nobody registered has no ids.

    Whoever holds rows holds them in one order, by type and key, and before any client session.
    """
    checked = {}
    for name, resource_ids in sorted(wanted.items()):
        resource_type = get(name)
        ids = list(resource_ids)
        if resource_type is None and ids:
            raise Missing(name, ids[0])
        checked[name] = resource_type.check(ids, workspace_id=workspace_id, lock=lock) if resource_type else set()
    return checked
