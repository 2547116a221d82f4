"""The rows that a client session reaches. Lists and reads use these functions, and device_counts.

All of them use sub-queries, so the number of queries does not depend on the number of grants or rows.
"""

from collections.abc import Set
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar, cast
from uuid import UUID

from django.db.models import F, Func, Model, QuerySet
from django.db.models.fields.related_lookups import RelatedIn
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, In
from django.db.models.manager import BaseManager
from django.utils import timezone

from client_sessions import resources
from client_sessions.models import Action, ClientSession, Grant, Wanted
from client_sessions.models.personal_access_tokens import PERSONAL_ACCESS_TOKEN
from client_sessions.resources import ResourceType
from client_sessions.wanted import normalize_wanted
from sessions_core.credentials import API_KEY
from sessions_core.db.compiled import CompiledSubquery
from sessions_core.models import Workspace
from sessions_core.moments import moment

__all__ = ["Auth", "GrantedQuerySet", "reached_by", "visible_to"]

M = TypeVar("M", bound=Model)


class Auth(Protocol):
    """The caller, ``request.auth``: a ClientSession, an ApiKey or a PersonalAccess."""

    @property
    def workspace(self) -> Workspace: ...

    @property
    def workspace_id(self) -> UUID: ...

    @property
    def credential(self) -> str:
        """The kind of caller; see sessions_core.http.routes."""

    @property
    def actor(self) -> str:
        """The actor that events record."""


class GrantedQuerySet(QuerySet[M]):
    """Base of querysets of a registered model: ``Door.objects.granted_to(request.auth)``."""

    def granted_to(self, auth: Auth, *, action: Action = Action.READ, at: datetime | None = None) -> Self:
        """Filter rows for which the caller may do this action. Raise LookupError for an unregistered model."""
        return cast(Self, visible_to(auth, self, action=action, at=at))


def is_backend(auth: object) -> bool:
    """Return True if the caller may see all rows of its workspace."""
    return getattr(auth, "credential", None) in (API_KEY, PERSONAL_ACCESS_TOKEN)


def visible_to(
    auth: Auth, queryset: QuerySet[M], *, action: Action = Action.READ, at: datetime | None = None
) -> QuerySet[M]:
    """Limit rows of a registered model: for a client session to its grants, for a backend to its workspace.

    Other callers see no rows. Raise ValueError for an unknown action.
    """
    at, action, queryset = moment(at), Action(action), _rows(queryset)
    if isinstance(auth, ClientSession):
        return reached_by(queryset, auth, action=action, at=at)
    if not is_backend(auth):
        return queryset.none()
    return resources.of_model(queryset.model).in_workspace(queryset, auth.workspace_id)


def narrow_to_key(
    auth: Auth, queryset: QuerySet[M], user_identifier_key: str, *, action: Action = Action.READ, at: datetime
) -> QuerySet[M]:
    """Limit rows to those that the live session of this key reaches.

    The result is empty if the key has no live session, or if the caller is another client session.
    """
    at, action, queryset = moment(at), Action(action), _rows(queryset)
    if not isinstance(auth, ClientSession) and not is_backend(auth):
        return queryset.none()
    live = ClientSession.objects.filter(workspace=auth.workspace_id).live(at=at)
    session = live.with_key(user_identifier_key).first()
    if session is None or (isinstance(auth, ClientSession) and session.pk != auth.pk):
        return queryset.none()
    return reached_by(queryset, session, action=action, at=at)


def reached_by(
    queryset: QuerySet[M], session: ClientSession, *, action: Action = Action.READ, at: datetime | None = None
) -> QuerySet[M]:
    """Limit rows of a registered model to those for which the grants of the session allow this action.

    Raise LookupError for an unregistered model.
    """
    return within_reach(
        _rows(queryset), Action(action), session=session.pk, workspace=session.workspace_id, at=moment(at)
    )


def within_reach(
    queryset: QuerySet[M],
    action: Action = Action.READ,
    granted: Set[str] | None = None,
    *,
    session: UUID,
    workspace: UUID,
    at: datetime,
) -> QuerySet[M]:
    """Do what ``reached_by`` does, for the ids of a session and of its workspace. The SQL can be compiled once.

    ``granted`` may name the types of the session's grants, if they are known: the SQL of fewer types is faster.
    """
    resource_type = resources.of_model(queryset.model)
    keys = REACHED.expression(
        resource_type, action, granted, using=queryset.db, session=session, workspace=workspace, at=at
    )
    reached = _among(queryset, "pk", keys)
    if resource_type.workspace is None:
        return resource_type.in_workspace(reached, workspace)
    return reached.filter(Exact(_NotIndexed(F(resource_type.workspace)), workspace))


def remaining_grant_types(session: ClientSession, wanted: Wanted) -> list[str]:
    """Return the types of other grants by which the session still reaches some of these resources."""
    grants = Grant.objects.live(at=timezone.now()).filter(client_session=session)
    left: set[str] = set()
    ids_by_type = normalize_wanted(wanted)
    for resource_type in filter(None, map(resources.get, ids_by_type)):
        ids = resources.matching(resource_type.name, ids_by_type[resource_type.name])
        rows: QuerySet[Any] = QuerySet(resource_type.model).filter(**{f"{resource_type.key}__in": ids})
        for granted, path in resource_type.paths():
            if granted is not resource_type and rows.filter(**{f"{path}__in": _granted(grants, granted)}).exists():
                left.add(granted.name)
    return sorted(left)


def _rows(given: QuerySet[M]) -> QuerySet[M]:
    """Return the queryset, or that of a manager. Raise ValueError for anything else, such as a model."""
    unknown: object = given
    if isinstance(unknown, BaseManager):
        rows: QuerySet[M] = unknown.all()
        return rows
    if not isinstance(unknown, QuerySet):
        raise ValueError("queryset must be a queryset, such as Door.objects.all().")
    return given


class _NotIndexed(Func):
    """A column whose index SQLite must not use, because that would scan all rows of a workspace."""

    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


class _FewRows(In):
    """``IN`` that matches few rows. After ``ANALYZE``, SQLite only knows how many rows an average account has, and
    would scan the table of devices if a few accounts have most of them. PostgreSQL reads the few rows first, into an
    array; planning nested joins takes it twice as long."""

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        sql, parameters = self.as_sql(compiler, connection)
        return f"likelihood({sql}, 0.000001)", parameters

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"= ANY (ARRAY{rhs})" if connection.vendor == "postgresql" else super().get_rhs_op(connection, rhs)


class _FewRelatedRows(_FewRows, RelatedIn):
    """Does the same for a foreign key."""


_FEW_ROWS: dict[type[In], type[_FewRows]] = {In: _FewRows, RelatedIn: _FewRelatedRows}


def _reached(
    resource_type: ResourceType,
    action: Action,
    granted: Set[str] | None,
    *,
    session: UUID,
    workspace: UUID,
    at: datetime,
) -> QuerySet[Any, Any]:
    """Return the primary keys of the rows of one type that the grants of a session lead to."""
    grants = Grant.objects.filter(client_session=session).allowing(action, at=at)
    return _union([arm for name, arm in _arms(resource_type, grants, workspace) if granted is None or name in granted])


# The SQL depends on all registered types, because grants lead through them. Some need no workspace; see _arms.
REACHED = CompiledSubquery(
    _reached,
    depends_on=lambda: tuple(resources.registered()),
    optional={"workspace"},
    session=UUID,
    workspace=UUID,
    at=datetime,
)


def _arms(
    resource_type: ResourceType, grants: QuerySet[Grant], workspace: UUID
) -> list[tuple[str, QuerySet[Any, Any]]]:
    """Return the name of the granted type and a queryset of primary keys for each path from a grant to this type.

    They are combined with UNION, not ``OR``, so that each can start from its few grants and use an index. They use
    sub-queries, not joins, because SQLite reorders joins by its statistics. A key that is not unique across workspaces
    is looked up with the workspace, for which there is an index. They ignore the model's own manager: its filter may
    depend on the time, and this SQL is compiled once.
    """
    rows: QuerySet[Any] = QuerySet(resource_type.model).order_by()
    own = rows
    if resource_type.workspace is not None and not resource_type.key_field.unique:
        own = rows.filter(**{resource_type.workspace: workspace})
    arms = [(resource_type.name, _among(own, resource_type.key, _granted(grants, resource_type)))]
    for relation in resource_type.through:
        related = resource_type.related(relation)
        keys = _arms(related, grants, workspace)
        if related.key == "pk":
            keys[0] = related.name, _granted(grants, related)
        arms += [(name, _among(rows, f"{relation}__pk", each)) for name, each in keys]
    return [(name, arm.values("pk")) for name, arm in arms]


def _among(rows: QuerySet[M], path: str, values: Any) -> QuerySet[M]:
    """Filter rows by a few values of the field at the end of this path."""
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
