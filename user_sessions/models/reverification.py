"""Reverification: the user of a live session enters one or both factors again before a sensitive action."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from sessions_core.db.transactions import atomic
from sessions_core.models import Event
from sessions_core.moments import moment
from user_sessions.exceptions import Impersonated, NotLive, ReverificationMissing
from user_sessions.ids import new_id

__all__ = ["UNVERIFIED", "Factors", "Reverification"]

# ``verified_at`` of an authentication that does not count, so that a view which requires a recent one asks again.
UNVERIFIED = datetime.fromtimestamp(0, UTC)

# How long a user may take to enter the factors again.
REVERIFICATION_LIFETIME = timedelta(minutes=10)


class Factors(models.TextChoices):
    """Which factors a reverification asks for: the password, the second factor, or first one and then the other."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


class Reverification(models.Model):
    """The part of a user session that a reverification changes."""

    verified_at = models.DateTimeField(
        _("verified at"), editable=False, help_text=_("When the user last authenticated.")
    )
    second_factor_at = models.DateTimeField(
        _("second factor at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When the user last entered a second factor."),
    )
    reverifying_since = models.DateTimeField(null=True, blank=True, editable=False)
    reverification_id = models.CharField(max_length=40, blank=True, editable=False)
    reverification_factors = models.CharField(max_length=6, blank=True, editable=False)
    first_factor_reverified_at = models.DateTimeField(null=True, blank=True, editable=False)

    if TYPE_CHECKING:  # what the session has beside this
        client: Any
        impersonator: Any
        workspace_id: Any

        def is_live(self, at: datetime) -> bool: ...
        def is_usable(self, at: datetime) -> bool: ...
        def _read_again(self) -> None: ...

    class Meta:
        abstract = True

    @property
    def missing_factor(self) -> Factors | None:
        """Return the factor that the user must enter next, FIRST or SECOND, or None if no reverification is pending."""
        if self.reverifying_since is None:
            return None
        is_second = self.reverification_factors == Factors.SECOND or self.first_factor_reverified_at is not None
        return Factors.SECOND if is_second else Factors.FIRST

    def ask_again(self, factors: Factors = Factors.FIRST, *, at: datetime | None = None) -> None:
        """Ask the user to re-authenticate within REVERIFICATION_LIFETIME. Raise NotLive or Impersonated."""
        at = moment(at)
        if self.impersonator is not None:
            raise Impersonated
        asked = self._live(at).update(
            reverifying_since=at,
            reverification_id=new_id("sver", at=at),
            reverification_factors=factors,
            first_factor_reverified_at=None,
        )
        self._read_again()
        if not asked:
            raise NotLive

    def require_reverifying(self, *, at: datetime) -> None:
        """Raise ReverificationMissing if no re-authentication is pending, or NotLive."""
        if not self.is_usable(at):
            raise NotLive
        if self.reverifying_since is None or self.reverifying_since <= at - REVERIFICATION_LIFETIME:
            raise ReverificationMissing

    @atomic()
    def reverify(self, factor: Factors = Factors.FIRST, *, actor: str, at: datetime | None = None) -> None:
        """Record that the user entered this factor, FIRST or SECOND, again.

        The last one completes the re-authentication: only then do the times of the factors change, and the client gets
        a new token. Raise ReverificationMissing or StaleClient.
        """
        at = moment(at)
        self.client.hold()
        asked = self._live(at).filter(reverifying_since__gt=at - REVERIFICATION_LIFETIME)
        is_halfway = factor == Factors.FIRST and asked.filter(
            reverification_factors=Factors.BOTH, first_factor_reverified_at=None
        ).update(first_factor_reverified_at=at)
        if not is_halfway:
            self._complete(asked, factor, actor=actor, at=at)
        self._read_again()

    def _complete(self, asked: Any, factor: Factors, *, actor: str, at: datetime) -> None:
        changes: dict[str, Any] = {"verified_at": at}
        if factor == Factors.SECOND:
            is_next = Q(reverification_factors=Factors.BOTH, first_factor_reverified_at__isnull=False)
            asked = asked.filter(is_next | Q(reverification_factors=Factors.SECOND))
            verified_at = Coalesce(F("first_factor_reverified_at"), F("verified_at"))
            changes = {"second_factor_at": at, "verified_at": verified_at}
        else:
            asked = asked.filter(reverification_factors=Factors.FIRST)
        if not asked.update(reverifying_since=None, updated_at=at, **changes):
            raise ReverificationMissing
        self._record_event(actor=actor, at=at)
        self.client.renew(at=at)

    @atomic()
    def record_reauthentication(
        self, *, actor: str, at: datetime | None = None, by_second_factor: bool = False
    ) -> None:
        """Record that the user re-authenticated outside the Frontend API, for example on a page of the host.

        ``by_second_factor`` also sets ``second_factor_at``. No time moves back. Raise NotLive or Impersonated.
        """
        at = moment(at)
        if self.impersonator is not None:
            raise Impersonated
        older = self._live(at).filter(verified_at__lt=at)
        second = {"second_factor_at": at} if by_second_factor else {}
        if older.update(verified_at=at, updated_at=at, **second):
            self._record_event(actor=actor, at=at)
        self._read_again()
        if not self.is_live(at):
            raise NotLive

    def _record_event(self, *, actor: str, at: datetime) -> None:
        Event.objects.record(
            "user_session.reverified", subject=self.pk, workspace_id=self.workspace_id, actor=actor, at=at
        )

    def _live(self, at: datetime) -> Any:
        return type(self)._default_manager.live(at=at).filter(pk=self.pk)  # type: ignore[attr-defined]
