"""What a client session reaches: the one rule that narrows every list, guards every read and counts devices.

Everything happens in sub-queries, so neither the number of grants nor of rows changes the number of queries.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol, Self, TypeVar, cast
from uuid import UUID

from django.db import connections
from django.db.models import Count, IntegerField, Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable, RawSQL
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from client_sessions import resources
from client_sessions.models import PERSONAL_ACCESS_TOKEN, Action, ClientSession, ClientSessionQuerySet, Grant, Wanted
from client_sessions.resources import ResourceType
from sessions_core.models import Workspace
from sessions_core.permissions import API_KEY

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

# Stand where a session and a time go in SQL that is kept.
_SESSION = UUID(int=0)
_AT = datetime(2000, 1, 1, tzinfo=UTC)


class Auth(Protocol):
    """Whoever calls, as ``request.auth``: a ClientSession, an ApiKey or a PersonalAccess. Each knows its workspace."""

    @property
    def workspace(self) -> Workspace: ...

    @property
    def credential(self) -> str:
        """Which kind of caller this is; see sessions_core.permissions."""

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

    Nobody else sees anything.
    """
    if isinstance(auth, ClientSession):
        return reached_by(queryset, auth, action=action, at=at)
    if not is_backend(auth):
        return queryset.none()
    return resources.of_model(queryset.model).in_workspace(queryset, auth.workspace.pk)


def narrowed_to_key(
    auth: Auth, queryset: QuerySet[M], user_identifier_key: str, *, action: Action = Action.READ, at: datetime
) -> QuerySet[M]:
    """Narrow further, to what the live session of this key reaches: the parameter that backends limit lists by.

    Never widens: a key without a live session gives nothing, and so does one that is not the calling session's own.
    """
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
    resource_type = resources.of_model(queryset.model)
    keys = _keys_reached(resource_type, session, action, at=at or timezone.now(), using=queryset.db)
    return resource_type.in_workspace(queryset, session.workspace_id).filter(pk__in=keys)


def still_reached(session: ClientSession, wanted: Wanted) -> list[str]:
    """Of which types the session has other grants, by which it reaches some of these resources all the same."""
    grants = Grant.objects.live(at=timezone.now()).filter(client_session=session)
    left: set[str] = set()
    for resource_type in filter(None, map(resources.get, wanted)):
        ids = resources.known(resource_type.name, wanted[resource_type.name])
        rows: QuerySet[Any] = QuerySet(resource_type.model).filter(**{f"{resource_type.key}__in": ids})
        for granted, path in resource_type.paths():
            if granted is not resource_type and rows.filter(**{f"{path}__in": _granted(grants, granted)}).exists():
                left.add(granted.name)
    return sorted(left)


def with_device_count(sessions: ClientSessionQuerySet, *, at: datetime) -> ClientSessionQuerySet:
    """Add ``device_count`` to each session: as many as its token lists, found in the same query."""
    counts = [_count(resource_type, at) for resource_type in resources.registered() if resource_type.counted]
    return sessions.annotate(device_count=sum(counts, Value(0)))


def _count(resource_type: ResourceType, at: datetime) -> Combinable:
    """How many of one type the session of the row reaches."""
    # Each level of sub-query looks one level further out for the session: grants, arm, row of the type, session.
    session = OuterRef(OuterRef(OuterRef("pk")))
    grants = Grant.objects.filter(client_session=session).allowing(Action.READ, at=at)
    rows = resource_type.in_workspace(resource_type.rows(), OuterRef("workspace_id"))
    rows = rows.filter(pk__in=_reached(resource_type, grants)).order_by().annotate(every_row=Value(1))
    count = rows.values("every_row").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(count, output_field=IntegerField()), 0)


def _keys_reached(
    resource_type: ResourceType, session: ClientSession, action: Action, *, at: datetime, using: str
) -> RawSQL:
    """``_reached`` for one session, with SQL that is compiled once: that costs several times what running it does."""
    sql, parameters = _kept_sql(resource_type, action, using, tuple(resources.registered()))
    slots, values = _prepared(_SESSION, _AT, using), _prepared(session.pk, at, using)
    filled = dict(zip(slots, values, strict=True))
    return RawSQL(sql, [filled.get(parameter, parameter) for parameter in parameters])


@cache
def _kept_sql(
    resource_type: ResourceType, action: Action, using: str, registered: tuple[ResourceType, ...]
) -> tuple[str, tuple[Any, ...]]:
    """``registered`` takes part only in what is kept: the paths lead through other types."""
    grants = Grant.objects.filter(client_session=_SESSION).allowing(action, at=_AT)
    sql, parameters = _reached(resource_type, grants).query.get_compiler(using).as_sql()
    return sql, tuple(parameters)


def _prepared(session_id: UUID, at: datetime, using: str) -> tuple[Any, Any]:
    """A session and a time in the form that this database takes."""
    session: Any = Grant._meta.get_field("client_session")
    until: Any = Grant._meta.get_field("read_until")
    connection = connections[using]
    return session.get_db_prep_value(session_id, connection), until.get_db_prep_value(at, connection)


def _reached(resource_type: ResourceType, grants: QuerySet[Grant]) -> QuerySet[Any, Any]:
    """Keys of the rows that any of the grants leads to, one arm of the union for each way there.

    A union, and not one filter with ``OR``: each arm can then start from its few grants and use an index. Plain rows:
    what a manager of the project's own leaves out may change with the time, and this is kept.
    """
    rows: QuerySet[Any] = QuerySet(resource_type.model).order_by()
    arms = [
        rows.filter(**{f"{path}__in": _granted(grants, granted)}).values("pk")
        for granted, path in resource_type.paths()
    ]
    first, *others = arms
    return first.union(*others, all=True).order_by() if others else first


def _granted(grants: QuerySet[Grant], resource_type: ResourceType) -> QuerySet[Grant, object]:
    of_type = grants.filter(resource_type=resource_type.name).order_by()
    return of_type.values_list(Cast("resource_id", resource_type.key_field), flat=True)
