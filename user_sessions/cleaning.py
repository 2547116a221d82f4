"""Which rows of user sessions ``manage.py sessions clean`` deletes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Exists, Model, OuterRef, Q

from sessions_core.cleaning import Kind, register
from sessions_core.conf import settings as core_settings
from user_sessions.conf import settings
from user_sessions.models import Client, SignIn, Ticket, UserSession
from user_sessions.models.bulk_revocations import BulkRevocation
from user_sessions.models.closing import record_expired
from user_sessions.models.nonces import SpentNonce
from user_sessions.models.status import CLOSED, OPEN

__all__ = ["register_kinds"]


def register_kinds() -> None:
    """Register the kinds. Sessions and sign-in attempts go before their client, which goes when it has neither."""
    register(
        replace(
            _kind("user_sessions", UserSession, _closed_or_expired),
            locked_with=("client",),
            recorded=Q(stored_status__in=CLOSED) | Q(recorded_ends__gt=0),
            prepare=lambda at, seen: record_expired(UserSession.objects.all(), at=at, seen=seen),
        )
    )
    register(replace(_kind("sign_ins", SignIn, _created), per_workspace=False))
    register(_kind("clients", Client, _unused))
    register(_kind("tickets", Ticket, _used_or_expired))
    register(
        Kind(
            name="bulk_revocations",
            model=BulkRevocation,
            retention=partial(core_settings.retention_of, "events"),
            due=_started,
            among=_started,
            order=("started_at", "pk"),
            per_workspace=False,
        )
    )
    register(
        Kind(
            name="spent_nonces",
            model=SpentNonce,
            retention=timedelta,
            due=_expired,
            among=_expired,
            order=("expire_at", "pk"),
            per_workspace=False,
        )
    )


def _kind(name: str, model: type[Model], due: Callable[[datetime], Q]) -> Kind:
    """Return a kind with a setting, whose rows have an index by their time of creation."""
    return Kind(
        name=name,
        model=model,
        retention=partial(settings.retention_of, name),
        due=due,
        among=_created,
        order=("created_at", "pk"),
    )


def _created(until: datetime) -> Q:
    return Q(created_at__lte=until)


def _started(until: datetime) -> Q:
    return Q(started_at__lte=until)


def _expired(until: datetime) -> Q:
    return Q(expire_at__lte=until)


def _closed_or_expired(until: datetime) -> Q:
    return Q(closed_at__lte=until) | Q(stored_status__in=OPEN, expire_at__lte=until)


def _unused(until: datetime) -> Q:
    sessions = UserSession.objects.filter(client=OuterRef("pk")).order_by()
    attempts = SignIn.objects.filter(client=OuterRef("pk"))
    return Q(updated_at__lte=until) & Q(~Exists(sessions)) & Q(~Exists(attempts))


def _used_or_expired(until: datetime) -> Q:
    is_used = Q(stored_status__in=(Ticket.Status.ACCEPTED, Ticket.Status.REVOKED))
    return Q(expire_at__lte=until) | is_used & Q(updated_at__lte=until)
