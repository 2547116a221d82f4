"""The resource types that a client session can be granted, and the resources that a grant leads to.

A project registers its own models in ``AppConfig.ready``::

    resources.register("building", Building)
    resources.register("door", Door, through=["building"])

A session with a grant of a building then reaches the doors of the building. A session with a grant of a door reaches
that door.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Exists, Field, Model, OuterRef, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.manager import BaseManager
from django.db.models.signals import post_delete
from django.dispatch import Signal

from client_sessions.registration import model_problem
from client_sessions.resource_ids import existing_keys, lookup_value, stored_forms
from sessions_core.db.json_rows import EachText

__all__ = ["Missing", "ResourceType", "register", "resource_deleted"]

# Sent after a row of a registered model is deleted, with ``using``, ``resource_type``, the normalized ``resource_id``
# and ``workspace_id``, which is None if ids are unique across workspaces.
resource_deleted = Signal()

M = TypeVar("M", bound=Model)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)


class Missing(Exception):
    """The id is unknown, malformed, or belongs to another workspace, so it cannot be granted."""

    def __init__(self, resource_type: str, resource_id: object) -> None:
        super().__init__(resource_type, resource_id)
        self.resource_type = resource_type
        self.resource_id = resource_id

    def __str__(self) -> str:
        if self.resource_type not in _types:
            return f"No resource type is registered as {self.resource_type!r}."
        return f"No {self.resource_type} with the id {self.resource_id!r} can be granted in this workspace."


@dataclass(frozen=True, kw_only=True, eq=False)
class ResourceType:
    """A registered resource type.

    ``through`` lists relations of the model to other registered types: a session that reaches one of those rows also
    reaches this row. ``key`` is the field of the ids. With ``must_exist=False`` an id can be granted before its row
    exists. ``workspace`` is the path to the workspace of a row. If it is None, all rows belong to the only workspace,
    and no row is visible once there are two. ``device_count`` of a session counts the rows of types with ``counted``.
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
        """The model field of ``key``. Its ``to_python`` validates ids."""
        if self.key == "pk":
            return self.model._meta.pk
        field = self.model._meta.get_field(self.key)
        if not isinstance(field, Field):
            raise FieldDoesNotExist(f"{self.model.__name__}.{self.key} is not a field with a value")
        return field

    @property
    def is_fixed(self) -> bool:
        """True if the default manager returns the same query every time, so that its SQL can be compiled once."""
        return type(self.model._default_manager).get_queryset is BaseManager.get_queryset

    def rows(self) -> "QuerySet[Any]":
        """Return the rows of the default manager in a queryset without its joins, annotations and groups, because
        PostgreSQL cannot lock rows of such a query."""
        shown = self.model._default_manager.order_by()
        return shown if self.is_fixed else QuerySet(self.model).filter(pk__in=shown.values("pk"))

    def in_workspace(self, rows: "QuerySet[M]", workspace_id: UUID | Combinable) -> "QuerySet[M]":
        """Filter rows of this type by workspace."""
        if self.workspace is None:
            workspaces = apps.get_model("sessions_core", "Workspace")  # this module is imported before any model
            if isinstance(workspace_id, OuterRef):
                workspace_id = OuterRef(workspace_id)  # one level further out, because of Exists
            return rows.exclude(Exists(workspaces._default_manager.exclude(pk=workspace_id)))
        return rows.filter(**{self.workspace: workspace_id})

    def normalize_id(self, resource_id: str) -> str:
        """Return the form of an id that grants store and the database can cast to the key's type. Raise Missing."""
        (stored_id,) = self.normalize_ids([resource_id])
        return stored_id

    def normalize_ids(self, resource_ids: Iterable[str]) -> dict[str, str]:
        """Return ids by their normalized form. Raise Missing for the first malformed id."""
        given = list(resource_ids)
        forms = list(stored_forms(self.key_field, given))
        if None in forms:
            raise Missing(self.name, given[forms.index(None)])
        return dict(zip(cast(list[str], forms), given, strict=True))

    def workspace_of(self, row: Model) -> UUID | None:
        """Return the workspace id of a row, or None if ids are unique across workspaces.

        Raise LookupError for a row without a workspace.
        """
        if self.workspace is None or self.key_field.unique:
            return None
        owner: Any = row
        for relation in self.workspace.split("__"):
            owner = getattr(owner, relation, None)
        if owner is None:
            raise LookupError(f"{row} has no workspace")
        workspace_id: UUID = owner.pk
        return workspace_id

    def format_id(self, stored_id: str) -> str:
        """Return a normalized id in the format of the API."""
        return str(self.key_field.to_python(stored_id))

    def paths(self) -> list[tuple["ResourceType", str]]:
        """Return every way to reach a row of this type, as pairs of granted type and lookup path to its key."""
        ways = [(self, self.key)]
        for relation in self.through:
            ways += [(granted, f"{relation}__{path}") for granted, path in self.related(relation).paths()]
        return ways

    def related(self, path: str) -> "ResourceType":
        """Return the type at the end of a path of relations. Raise FieldDoesNotExist or LookupError."""
        return of_model(related_model_of(self.model, path))

    def check(self, resource_ids: Iterable[str], *, workspace_id: UUID, lock: bool) -> set[str]:
        """Return the normalized ids. Raise Missing for an id that cannot be granted in this workspace.

        ``lock``: lock the rows until the transaction ends.
        """
        wanted = self.normalize_ids(resource_ids)
        if self.must_exist and wanted:
            keys = existing_keys(self, list(wanted), workspace_id=workspace_id, lock=lock)
            found = set(stored_forms(self.key_field, (str(key) for (key,) in keys)))
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
    """Register a model as the resource type ``name``. See ResourceType for the options.

    The value of ``key`` of a row must never change, because grants store it. System checks validate the paths. Raise
    ImproperlyConfigured for an invalid name, for a name or model that is already registered, and for a model whose
    rows cannot be granted.
    """
    if not _NAME.fullmatch(name):
        raise ImproperlyConfigured(f"Invalid resource type name {name!r}: use up to 60 characters from a-z, 0-9 and _.")
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
        name=name, model=model, workspace=workspace, through=through, key=key, must_exist=must_exist, counted=counted
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
        return  # the row could not have grants
    # Outside of the try block: an error of a receiver must abort the deletion.
    payload = {"resource_type": resource_type.name, "resource_id": resource_id, "workspace_id": workspace_id}
    resource_deleted.send(sender, using=using, **payload)


def registered() -> list[ResourceType]:
    """Return all resource types in the order of registration."""
    return list(_types.values())


def get(name: str) -> ResourceType | None:
    return _types.get(name)


def normalize_ids(name: str, resource_ids: Iterable[str]) -> dict[str, str]:
    """Call ``ResourceType.normalize_ids`` by name. Raise Missing, also for ids of a type that is not registered."""
    given = list(resource_ids)
    resource_type = get(name)
    if resource_type is None and given:
        raise Missing(name, given[0])
    return resource_type.normalize_ids(given) if resource_type else {}


def format_id(name: str, stored_id: str) -> str:
    """Call ``ResourceType.format_id`` by name. Return the id unchanged if the type is not registered."""
    resource_type = get(name)
    return resource_type.format_id(stored_id) if resource_type else stored_id


def valid_ids(name: str, resource_ids: Iterable[str]) -> list[str]:
    """Return the normalized ids and leave out malformed ones, for a filter."""
    resource_type = get(name)
    if resource_type is None:
        return []
    return [each for each in stored_forms(resource_type.key_field, resource_ids) if each is not None]


def matching(name: str, resource_ids: Iterable[str]) -> Sequence[str] | EachText:
    """Return what ``filter(<key>__in=…)`` takes for these ids. Malformed ids match no row."""
    resource_type = get(name)
    return lookup_value(resource_type.key_field, valid_ids(name, resource_ids)) if resource_type else ()


def of_model(model: type[Model]) -> ResourceType:
    """Return the resource type of a model. Raise LookupError if it is not registered."""
    for resource_type in _types.values():
        if resource_type.model is model._meta.concrete_model:
            return resource_type
    fix = "Call client_sessions.resources.register in the ready method of its AppConfig."
    raise LookupError(f"{model.__name__} is not registered. {fix}")


def related_model_of(model: type[Model], path: str, *, to_one: bool = False) -> type[Model]:
    """Return the model at the end of a path of relations. Raise FieldDoesNotExist.

    ``to_one``: each relation must lead to a single row.
    """
    for name in path.split("__"):
        field = model._meta.get_field(name)
        related = field.related_model
        if not isinstance(related, type):
            raise FieldDoesNotExist(f"{model.__name__}.{name} is not a relation")
        if to_one and (field.many_to_many or field.one_to_many):
            raise FieldDoesNotExist(f"{model.__name__}.{name} leads to many rows")
        model = related
    return model


def check(wanted: Mapping[str, Iterable[str]], *, workspace_id: UUID, lock: bool = False) -> dict[str, set[str]]:
    """Call ``ResourceType.check`` for several types by name. Raise Missing for ids of an unregistered type.

    Rows are locked in a fixed order, by type and key, and before any client session, to avoid deadlocks.
    """
    checked = {}
    for name, resource_ids in sorted(wanted.items()):
        resource_type = get(name)
        ids = list(resource_ids)
        if resource_type is None and ids:
            raise Missing(name, ids[0])
        checked[name] = resource_type.check(ids, workspace_id=workspace_id, lock=lock) if resource_type else set()
    return checked
