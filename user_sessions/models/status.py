"""The states of a user session. What somebody did is stored; what the clock did is worked out."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache, reduce
from operator import or_

from django.db import models
from django.db.models import Exists, OuterRef, Q

from sessions_core.moments import moment
from user_sessions.models.epochs import Epoch

__all__ = ["CLOSED", "OPEN", "Status", "is_in"]


class Status(models.TextChoices):
    # Stored
    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"
    REVOKED = "revoked"
    REMOVED = "removed"
    REPLACED = "replaced"
    # Derived from expire_at and abandon_at
    EXPIRED = "expired"
    ABANDONED = "abandoned"


# States that a session can be in while nobody has closed it.
OPEN = (Status.PENDING, Status.ACTIVE)
CLOSED = (Status.ENDED, Status.REVOKED, Status.REMOVED, Status.REPLACED)


def is_in(statuses: Iterable[str], *, at: datetime) -> Q:
    """The condition for rows of which ``UserSession.status_at`` says one of these. It joins nothing, so that an
    UPDATE may carry it."""
    at = moment(at)
    return reduce(or_, (_is(Status(status), at) for status in statuses))


@cache  # it is part of nearly every query, and made of nothing that changes
def _an_epoch_ended_it() -> Q:
    return Q(Exists(Epoch.objects.of(OuterRef)))


def _is(status: Status, at: datetime) -> Q:
    an_epoch_ended_it = _an_epoch_ended_it()
    is_open = Q(status__in=OPEN) & ~an_epoch_ended_it
    match status:
        case Status.PENDING | Status.ACTIVE:
            return Q(status=status, expire_at__gt=at) & ~an_epoch_ended_it
        case Status.EXPIRED:
            return is_open & Q(expire_at__lte=at, abandon_at__gt=at)
        case Status.ABANDONED:
            return (is_open | Q(status__in=(Status.ENDED, Status.REPLACED))) & Q(abandon_at__lte=at)
        case Status.ENDED | Status.REPLACED:
            return Q(status=status, abandon_at__gt=at)
        case Status.REVOKED:
            return Q(status=status) | Q(status__in=OPEN) & an_epoch_ended_it
        case Status.REMOVED:
            return Q(status=status)
