"""What a client session reaches: the one rule that narrows every list, guards every read and counts devices.

Everything happens in sub-queries, so neither the number of grants nor of rows changes the number of queries.
"""

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Count, IntegerField, Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce

from client_sessions import resources
from client_sessions.models import ClientSession, ClientSessionQuerySet, Grant
from client_sessions.resources import ResourceType
from sessions_core.models import ApiKey

__all__ = ["narrowed_to_key", "reached_by", "visible_to", "with_device_count"]

M = TypeVar("M", bound=Model)


def visible_to(auth: ApiKey | ClientSession, queryset: QuerySet[M]) -> QuerySet[M]:
    """Narrow rows of a registered model to what a caller may see: a session its own, an API key its workspace's."""
    if isinstance(auth, ClientSession):
        return reached_by(queryset, auth)
    return queryset.filter(**{resources.of_model(queryset.model).workspace: auth.workspace_id})


def narrowed_to_key(
    auth: ApiKey | ClientSession, queryset: QuerySet[M], user_identifier_key: str, *, at: datetime
) -> QuerySet[M]:
    """Narrow further, to what the live session of this key reaches: the parameter that backends limit lists by.

    Never widens: a key without a live session gives nothing, and so does one that is not the calling session's own.
    """
    session = ClientSession.objects.in_workspace(auth.workspace).live(at=at).holding(user_identifier_key).first()
    if session is None or (isinstance(auth, ClientSession) and session.pk != auth.pk):
        return queryset.none()
    return reached_by(queryset, session)


def reached_by(queryset: QuerySet[M], session: ClientSession) -> QuerySet[M]:
    """Narrow rows of a registered model to those this session reaches. Raises LookupError for an unregistered model."""
    resource_type = resources.of_model(queryset.model)
    return queryset.filter(
        **{resource_type.workspace: session.workspace_id}, pk__in=_reached(resource_type, Value(session.pk))
    )


def with_device_count(sessions: ClientSessionQuerySet) -> ClientSessionQuerySet:
    """Add ``device_count`` to each session: as many as its token lists, found in the same query."""
    device = resources.get("device")
    if device is None:
        return sessions.annotate(device_count=Value(0))
    # Each level of sub-query looks one level further out for the session: grants, arm, device, session.
    session = OuterRef(OuterRef(OuterRef("pk")))
    devices = device.model._default_manager.filter(
        **{device.workspace: OuterRef("workspace_id")}, pk__in=_reached(device, session)
    )
    count = devices.order_by().values(device.workspace).annotate(count=Count("pk")).values("count")
    return sessions.annotate(device_count=Coalesce(Subquery(count, output_field=IntegerField()), 0))


def _reached(resource_type: ResourceType, session: Combinable) -> QuerySet[Any, Any]:
    """Keys of the rows that any grant of the session leads to, one arm of the union for each way there.

    A union, and not one filter with ``OR``: each arm can then start from its few grants and use an index.
    """
    rows = resource_type.model._default_manager.order_by()
    arms = [
        rows.filter(**{f"{path}__in": _granted(granted, session)}).values("pk")
        for granted, path in resource_type.paths()
    ]
    first, *others = arms
    return first.union(*others, all=True) if others else first


def _granted(resource_type: ResourceType, session: Combinable) -> QuerySet[Grant, object]:
    grants = Grant.objects.filter(client_session=session, resource_type=resource_type.name).order_by()
    return grants.values_list(Cast("resource_id", resource_type.key_field), flat=True)
