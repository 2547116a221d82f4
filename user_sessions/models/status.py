"""The status of a user session: transitions are stored; expiry, epochs and the user's row are derived.

``status_of`` and ``is_in`` agree.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache, cached_property, reduce
from operator import or_
from typing import Any, Protocol, TypeVar

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.db.compiled import CompiledQuery
from sessions_core.moments import moment
from user_sessions.models.epochs import Epoch
from user_sessions.models.voiding import FINGERPRINTS_LENGTH, binds, is_void

__all__ = ["CLOSED", "OPEN", "Status", "StatusModel", "an_epoch_ended_it", "is_in", "is_open", "look_up", "status_of"]

M = TypeVar("M", bound=models.Model)


class Status(models.TextChoices):
    # Stored
    PENDING = "pending", pgettext_lazy("user session", "Pending")
    ACTIVE = "active", pgettext_lazy("user session", "Active")
    ENDED = "ended", pgettext_lazy("user session", "Ended")
    REVOKED = "revoked", pgettext_lazy("user session", "Revoked")
    REMOVED = "removed", pgettext_lazy("user session", "Removed")
    REPLACED = "replaced", pgettext_lazy("user session", "Replaced")
    # Derived from expire_at and abandon_at
    EXPIRED = "expired", pgettext_lazy("user session", "Expired")
    ABANDONED = "abandoned", pgettext_lazy("user session", "Abandoned")


# Stored states of a session that is not closed.
OPEN = (Status.PENDING, Status.ACTIVE)
CLOSED = (Status.ENDED, Status.REVOKED, Status.REMOVED, Status.REPLACED)

# ``Status(…)`` takes longer, and a response of a client asks for the status of each session four times.
_STATUSES = {str(status): status for status in Status}


class StatusFacts(Protocol):
    """The columns from which the status is derived, and the status facts."""

    @property
    def stored_status(self) -> str: ...
    @property
    def expire_at(self) -> datetime: ...
    @property
    def abandon_at(self) -> datetime: ...
    @property
    def epoch_id(self) -> int | None: ...
    @property
    def void_reason(self) -> str | None: ...


def status_of(session: StatusFacts, at: datetime) -> Status:
    """Return the status at this moment. ``UserSessionQuerySet.with_status`` filters by the same rules."""
    stored = _STATUSES[session.stored_status]
    if stored in (Status.REVOKED, Status.REMOVED):
        return stored
    if stored in OPEN and session.epoch_id is not None:
        return Status.REVOKED
    if session.abandon_at <= at:
        return Status.ABANDONED
    if stored not in OPEN:
        return stored
    if session.expire_at <= at:
        return Status.EXPIRED
    return stored if session.void_reason is None else Status.REVOKED


class StatusModel(models.Model):
    """The columns from which the status is derived."""

    stored_status = models.CharField(max_length=10, choices=Status)
    created_at = models.DateTimeField(_("created at"), editable=False)
    expire_at = models.DateTimeField(_("expires at"))
    abandon_at = models.DateTimeField(_("abandoned at"))
    password_fingerprint = models.CharField(
        max_length=FINGERPRINTS_LENGTH,
        editable=False,
        help_text=_("Digests of the user's password column. Another password ends the session."),
    )

    class Meta:
        abstract = True

    @cached_property
    def epoch_id(self) -> int | None:
        """Return the id of the epoch that revoked the session. One query if the row has no annotation."""
        return self._read_status_facts()[0]

    @cached_property
    def void_reason(self) -> str | None:
        """Return why the user's row makes the session void. One query if the row has no annotation."""
        return self._read_status_facts()[1]

    def refresh_from_db(self, using: str | None = None, fields: Any = None, from_queryset: Any = None) -> None:
        """Also forget the facts that were read beside the columns."""
        super().refresh_from_db(using, fields, from_queryset)
        if fields is None:
            for fact in ("epoch_id", "void_reason", "signing_kid", "own_claims"):
                vars(self).pop(fact, None)

    def _read_status_facts(self) -> tuple[int | None, str | None]:
        row: Any = look_up(type(self)).get(id=self.pk)
        self.epoch_id, self.void_reason = (row.epoch_id, row.void_reason) if row else (None, None)
        return self.epoch_id, self.void_reason

    def began_with(self, fingerprint: str) -> bool:
        """Return True if the session began with the password that has this digest."""
        return fingerprint in self.password_fingerprint.split()

    @property
    def status(self) -> Status:
        """Return the current status."""
        return self.status_at(timezone.now())

    def status_at(self, at: datetime) -> Status:
        """Return the status at this moment.

        One query, once, for a row that did not come ``with_status_facts()``.
        """
        return status_of(self, moment(at))

    def is_live(self, at: datetime) -> bool:
        return self.status_at(at) in OPEN


@cache
def look_up(model: type[M]) -> CompiledQuery[M]:
    """Return the query for one row ``with_status_facts()``, by its id."""
    sessions: Any = model._default_manager
    return CompiledQuery(
        model, lambda id: sessions.with_status_facts().filter(pk=id).order_by(), depends_on=binds, id=str
    )


def is_in(statuses: Iterable[str], *, at: datetime | None = None) -> Q:
    """Return the condition for rows with one of these statuses. It has no joins, so an UPDATE can use it."""
    at = moment(at)
    wanted = {Status(status) for status in statuses}
    stored_open = [status for status in OPEN if status in wanted]
    derived = [_is(status, at) for status in Status if status in wanted and status not in OPEN]
    live = [is_open(at=at, among=stored_open) & ~is_void()] if stored_open else []
    return reduce(or_, [*live, *derived])


def is_open(*, at: datetime | None = None, among: Collection[Status] = OPEN) -> Q:
    """Return the condition for live and void rows: a void session can become live again until it is revoked."""
    return Q(stored_status__in=among, expire_at__gt=moment(at)) & ~an_epoch_ended_it()


@cache  # part of nearly every query, and constant
def an_epoch_ended_it() -> Q:
    return Q(Exists(Epoch.objects.of(OuterRef)))


def _is(status: Status, at: datetime) -> Q:
    match status:
        case Status.EXPIRED:
            return Q(stored_status__in=OPEN, expire_at__lte=at, abandon_at__gt=at) & ~an_epoch_ended_it()
        case Status.ABANDONED:
            was_open = Q(stored_status__in=OPEN) & ~an_epoch_ended_it()
            return (was_open | Q(stored_status__in=(Status.ENDED, Status.REPLACED))) & Q(abandon_at__lte=at)
        case Status.REVOKED:
            derived = an_epoch_ended_it() | Q(expire_at__gt=at) & is_void()
            return Q(stored_status=status) | Q(stored_status__in=OPEN) & derived
        case Status.ENDED | Status.REPLACED:
            return Q(stored_status=status, abandon_at__gt=at)
        case _:
            return Q(stored_status=status)
