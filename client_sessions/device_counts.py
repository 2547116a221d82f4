"""The number of devices that the token of a client session lists: of many sessions, or of one."""

from collections.abc import Callable, Iterable, Sequence, Set
from datetime import datetime
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import router
from django.db.models import Exists, F, Func, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable, RawSQL

from client_sessions import resources
from client_sessions.models import Action, ClientSession, ClientSessionQuerySet
from client_sessions.resources import ResourceType
from client_sessions.scoping import REACHED, within_reach
from sessions_core.db.compiled import CompiledQuery
from sessions_core.moments import moment

__all__ = ["count_devices", "device_count", "with_device_count"]


def with_device_count(sessions: ClientSessionQuerySet, *, at: datetime) -> ClientSessionQuerySet:
    """Annotate sessions with ``device_count``, the number of devices that their token lists, in the same query."""
    at = moment(at)
    counts = [_Count(resource_type, at) for resource_type in resources.registered() if resource_type.counted]
    return sessions.annotate(device_count=sum(counts, Value(0)))


def device_count(*, session: UUID, workspace: UUID, at: datetime) -> Combinable:
    """Return the number of devices that the token of one session lists, in a sub-query that runs once."""
    counted = filter(attrgetter("counted"), resources.registered())
    return sum((Subquery(_number(each, session=session, workspace=workspace, at=at)) for each in counted), Value(0))


def count_devices(session: ClientSession, granted: Set[str], *, at: datetime) -> int:
    """Return the number of devices that the token of a session with grants of these types lists.

    One query for each counted type that these grants can lead to.
    """
    values = {"session": session.pk, "workspace": session.workspace_id, "at": at}
    types = tuple(resources.registered())
    counts = _counts(types, frozenset(granted) & _leading(types))
    return sum(number for count in counts for (number,) in count(**values))


@lru_cache(maxsize=1)
def _leading(types: Sequence[ResourceType]) -> Set[str]:
    """Return the types whose grants lead to a counted type."""
    return {source.name for each in types if each.counted for source, _ in each.paths()}


@lru_cache(maxsize=128)
def _counts(types: Sequence[ResourceType], granted: Set[str]) -> list[Callable[..., Iterable[tuple[int]]]]:
    """Return a query for the number of rows of each counted type that grants of these types lead to."""
    counts: list[Any] = []
    for resource_type in types:
        if resource_type.counted and any(source.name in granted for source, _ in resource_type.paths()):
            find = partial(_number, resource_type, granted)
            values = {"session": UUID, "workspace": UUID, "at": datetime}
            counts.append(CompiledQuery(resource_type.model, find, **values).tuples if resource_type.is_fixed else find)
    return counts


def _number(resource_type: ResourceType, granted: Set[str] | None = None, **values: Any) -> QuerySet[Any, Any]:
    """Return the number of rows of this type that a session reaches, as the only value of the only row."""
    using = router.db_for_write(ClientSession)
    rows: QuerySet[Any] = within_reach(resource_type.rows().using(using), granted=granted, **values).order_by()
    # No column of a host has the name of this annotation.
    number = Func(F("pk"), function="COUNT", output_field=IntegerField())
    numbers: QuerySet[Any, Any] = rows.annotate(gatepass_number=number).values_list("gatepass_number")
    return numbers


class _Count(Func):
    """The number of rows of one type that a session reaches: ``REACHED`` with columns of the outer query instead of
    the id and the workspace of one session."""

    output_field = IntegerField()

    def __init__(self, resource_type: ResourceType, at: datetime, *expressions: Any) -> None:
        visible = resource_type.in_workspace(resource_type.rows(), OuterRef("workspace_id")).order_by()
        is_visible = Exists(visible.filter(pk=RawSQL("counted.pk", [])))
        super().__init__(*(expressions or (F("pk"), F("workspace_id"), is_visible)))
        self.resource_type, self.at = resource_type, at

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **context: Any) -> Any:
        columns, conditions = [], []
        for sql, parameters in map(compiler.compile, self.get_source_expressions()):
            columns.append(sql)
            conditions += parameters
        session, workspace, is_visible = columns
        keys, values = REACHED.correlated(
            self.resource_type,
            Action.READ,
            None,
            connection=connection,
            columns={"session": session, "workspace": workspace},
            at=self.at,
        )
        counted = f"(SELECT COUNT(*) FROM (SELECT DISTINCT pk FROM ({keys}) AS reached) AS counted WHERE {is_visible})"
        return counted, [*values, *conditions]
