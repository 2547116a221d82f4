"""What a client session reaches: the one rule that narrows every list, guards every read and counts devices.

Everything happens in sub-queries, so neither the number of grants nor of rows changes the number of queries.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol, Self, TypeVar, cast
from uuid import UUID

from django.db import connections
from django.db.models import Exists, F, Func, IntegerField, Model, OuterRef, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.fields.related_lookups import RelatedIn
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, In
from django.db.models.manager import BaseManager
from django.utils import timezone

from client_sessions import resources
from client_sessions.models import PERSONAL_ACCESS_TOKEN, Action, ClientSession, ClientSessionQuerySet, Grant, Wanted
from client_sessions.resources import ResourceType
from client_sessions.wanted import listed
from sessions_core.credentials import API_KEY
from sessions_core.models import Workspace
from sessions_core.moments import moment

__all__ = [
    "Auth",
    "GrantedQuerySet",
    "is_backend",
    "narrowed_to_key",
    "reached_by",
    "still_reached",
    "visible_to",
    "with_device_count",
]

M = TypeVar("M", bound=Model)

# Stand where a session, its workspace and a time go in SQL that is kept.
_SESSION = UUID(int=0)
_WORKSPACE = UUID(int=1)
_AT = datetime(2000, 1, 1, tzinfo=UTC)


class Auth(Protocol):
    """Whoever calls, as ``request.auth``: a ClientSession, an ApiKey or a PersonalAccess. Each knows its workspace."""

    @property
    def workspace(self) -> Workspace: ...

    @property
    def credential(self) -> str:
        """Which kind of caller this is; see sessions_core.http.routes."""

    @property
    def actor(self) -> str:
        """How events name it."""


class GrantedQuerySet(QuerySet[M]):
    """A base for querysets of a registered model: ``Door.objects.granted_to(request.auth)``."""

    def granted_to(self, auth: Auth, *, action: Action = Action.READ, at: datetime | None = None) -> Self:
        """Those that the caller may do this with. Raises LookupError if the model is not registered."""
        return cast(Self, visible_to(auth, self, action=action, at=at))


def is_backend(auth: object) -> bool:
    """Whether this caller, ``request.auth``, may see all of its workspace."""
    return getattr(auth, "credential", None) in (API_KEY, PERSONAL_ACCESS_TOKEN)


def visible_to(
    auth: Auth, queryset: QuerySet[M], *, action: Action = Action.READ, at: datetime | None = None
) -> QuerySet[M]:
    """Narrow rows of a registered model to what a caller may see: a session its own, a backend its workspace's.

    Nobody else sees anything. Raises ValueError for an action that does not exist.
    """
    at, action, queryset = moment(at), Action(action), _rows(queryset)
    if isinstance(auth, ClientSession):
        return reached_by(queryset, auth, action=action, at=at)
    if not is_backend(auth):
        return queryset.none()
    return resources.of_model(queryset.model).in_workspace(queryset, auth.workspace.pk)


def narrowed_to_key(
    auth: Auth, queryset: QuerySet[M], user_identifier_key: str, *, action: Action = Action.READ, at: datetime
) -> QuerySet[M]:
    """Narrow to what the live session of this key reaches: the parameter that backends limit lists by.

    Never widens: a key without a live session gives nothing, and so does one that is not the calling session's own.
    """
    at, action, queryset = moment(at), Action(action), _rows(queryset)
    if not isinstance(auth, ClientSession) and not is_backend(auth):
        return queryset.none()
    session = ClientSession.objects.in_workspace(auth.workspace).live(at=at).holding(user_identifier_key).first()
    if session is None or (isinstance(auth, ClientSession) and session.pk != auth.pk):
        return queryset.none()
    return reached_by(queryset, session, action=action, at=at)


def reached_by(
    queryset: QuerySet[M], session: ClientSession, *, action: Action = Action.READ, at: datetime | None = None
) -> QuerySet[M]:
    """Narrow rows of a registered model to those that the session was granted this action with.

    Raises LookupError for a model that is not registered.
    """
    action, queryset = Action(action), _rows(queryset)
    resource_type = resources.of_model(queryset.model)
    keys = _keys_reached(resource_type, session, action, at=moment(at), using=queryset.db)
    reached = _among(queryset, "pk", keys)
    if resource_type.workspace is None:
        return resource_type.in_workspace(reached, session.workspace_id)
    return reached.filter(Exact(_NotIndexed(F(resource_type.workspace)), session.workspace_id))


def still_reached(session: ClientSession, wanted: Wanted) -> list[str]:
    """Of which types the session has other grants, by which it reaches some of these resources all the same."""
    grants = Grant.objects.live(at=timezone.now()).filter(client_session=session)
    left: set[str] = set()
    ids_by_type = listed(wanted)
    for resource_type in filter(None, map(resources.get, ids_by_type)):
        ids = resources.known(resource_type.name, ids_by_type[resource_type.name])
        rows: QuerySet[Any] = QuerySet(resource_type.model).filter(**{f"{resource_type.key}__in": ids})
        for granted, path in resource_type.paths():
            if granted is not resource_type and rows.filter(**{f"{path}__in": _granted(grants, granted)}).exists():
                left.add(granted.name)
    return sorted(left)


def with_device_count(sessions: ClientSessionQuerySet, *, at: datetime) -> ClientSessionQuerySet:
    """Add ``device_count`` to each session: as many as its token lists, found in the same query."""
    at = moment(at)
    counts = [_Count(resource_type, at) for resource_type in resources.registered() if resource_type.counted]
    return sessions.annotate(device_count=sum(counts, Value(0)))


def _rows(given: QuerySet[M]) -> QuerySet[M]:
    """Return the queryset, or that of a manager. Raises ValueError for anything else, such as a model."""
    unknown: object = given
    if isinstance(unknown, BaseManager):
        rows: QuerySet[M] = unknown.all()
        return rows
    if not isinstance(unknown, QuerySet):
        raise ValueError("queryset must be a queryset, such as Door.objects.all().")
    return given


class _NotIndexed(Func):
    """A column that rows are only compared by. SQLite would otherwise walk its index, over all rows of a workspace."""

    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


class _FewRows(In):
    """``IN`` that matches few rows. After ``ANALYZE`` SQLite knows only how many rows an average account has, and scans
    the table of devices if a few accounts have most of them."""

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        sql, parameters = self.as_sql(compiler, connection)
        return f"likelihood({sql}, 0.000001)", parameters


class _FewRelatedRows(_FewRows, RelatedIn):
    """The same for a foreign key."""


_FEW_ROWS: dict[type[In], type[_FewRows]] = {In: _FewRows, RelatedIn: _FewRelatedRows}


class _Count(Func):
    """How many rows of one type the session of the query reaches: ``_keys_reached``, with the columns of the query
    instead of the id and the workspace of one session."""

    output_field = IntegerField()

    def __init__(self, resource_type: ResourceType, at: datetime, *expressions: Any) -> None:
        visible = resource_type.in_workspace(resource_type.rows(), OuterRef("workspace_id")).order_by()
        is_visible = Exists(visible.filter(pk=RawSQL("counted.pk", [])))
        super().__init__(*(expressions or (F("pk"), F("workspace_id"), is_visible)))
        self.resource_type, self.at = resource_type, at

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **context: Any) -> Any:
        using = connection.alias
        (session, _), (workspace, _), (is_visible, of_visible) = map(compiler.compile, self.get_source_expressions())
        sql, parameters = _kept_sql(self.resource_type, Action.READ, using, tuple(resources.registered()))
        column_of = dict(zip(_prepared(_SESSION, _WORKSPACE, _AT, using), (session, workspace), strict=False))
        keys = sql % tuple(column_of.get(parameter, "%s") for parameter in parameters)
        values = _filled([each for each in parameters if each not in column_of], using, at=self.at)
        counted = f"(SELECT COUNT(*) FROM (SELECT DISTINCT pk FROM ({keys}) AS reached) AS counted WHERE {is_visible})"
        return counted, [*values, *of_visible]


def _keys_reached(
    resource_type: ResourceType, session: ClientSession, action: Action, *, at: datetime, using: str
) -> RawSQL:
    """``_reached`` for one session, with SQL that is compiled once: that costs several times what running it does."""
    sql, parameters = _kept_sql(resource_type, action, using, tuple(resources.registered()))
    return RawSQL(sql, _filled(parameters, using, session.pk, session.workspace_id, at=at))


@cache
def _kept_sql(
    resource_type: ResourceType, action: Action, using: str, registered: tuple[ResourceType, ...]
) -> tuple[str, tuple[Any, ...]]:
    """``registered`` takes part only in what is kept: the paths lead through other types."""
    grants = Grant.objects.filter(client_session=_SESSION).allowing(action, at=_AT)
    sql, parameters = _reached(resource_type, grants).query.get_compiler(using).as_sql()
    return sql, tuple(parameters)


def _filled(
    parameters: Sequence[Any],
    using: str,
    session_id: UUID = _SESSION,
    workspace_id: UUID = _WORKSPACE,
    *,
    at: datetime,
) -> list[Any]:
    """The parameters of kept SQL, with these values instead of those that stand for them."""
    slots = _prepared(_SESSION, _WORKSPACE, _AT, using)
    values = dict(zip(slots, _prepared(session_id, workspace_id, at, using), strict=True))
    return [values.get(parameter, parameter) for parameter in parameters]


def _prepared(session_id: UUID, workspace_id: UUID, at: datetime, using: str) -> tuple[Any, ...]:
    """A session, a workspace and a time in the form that this database takes."""
    session: Any = Grant._meta.get_field("client_session")
    workspace: Any = ClientSession._meta.get_field("workspace")
    until: Any = Grant._meta.get_field("read_until")
    connection = connections[using]
    values = ((session, session_id), (workspace, workspace_id), (until, at))
    return tuple(field.get_db_prep_value(value, connection) for field, value in values)


def _reached(resource_type: ResourceType, grants: QuerySet[Grant]) -> QuerySet[Any, Any]:
    """Keys of the rows that any of the grants leads to."""
    return _union(_arms(resource_type, grants))


def _arms(resource_type: ResourceType, grants: QuerySet[Grant]) -> list[QuerySet[Any, Any]]:
    """Keys of the rows that the grants of one type lead to, for each way there.

    A union, and not one filter with ``OR``: each arm can then start from its few grants and use an index. Sub-queries,
    and not joins, for the same reason: SQLite changes the order of joins by its statistics. A key that several
    workspaces may have is looked up together with the workspace, for which there is an index. Plain rows:
    what a manager of the project's own leaves out may change with the time, and this is kept.
    """
    rows: QuerySet[Any] = QuerySet(resource_type.model).order_by()
    own = rows
    if resource_type.workspace is not None and not resource_type.key_field.unique:
        own = rows.filter(**{resource_type.workspace: _WORKSPACE})
    arms = [_among(own, resource_type.key, _granted(grants, resource_type))]
    for relation in resource_type.through:
        related = resource_type.related(relation)
        keys = _arms(related, grants)
        if related.key == "pk":
            keys[0] = _granted(grants, related)
        arms += [_among(rows, f"{relation}__pk", each) for each in keys]
    return [arm.values("pk") for arm in arms]


def _among(rows: QuerySet[M], path: str, values: Any) -> QuerySet[M]:
    """The rows with one of a few values at the end of this path."""
    found = rows.filter(**{f"{path}__in": values})
    conditions: list[Any] = found.query.where.children
    if few_rows := _FEW_ROWS.get(type(conditions[-1])):
        conditions[-1] = few_rows(conditions[-1].lhs, conditions[-1].rhs)
    return found


def _union(arms: list[QuerySet[Any, Any]]) -> QuerySet[Any, Any]:
    first, *others = arms
    return first.union(*others, all=True).order_by() if others else first


def _granted(grants: QuerySet[Grant], resource_type: ResourceType) -> QuerySet[Grant, object]:
    of_type = grants.filter(resource_type=resource_type.name).order_by()
    return of_type.values_list(Cast("resource_id", resource_type.key_field), flat=True)
