"""Reverification: the user of a live session enters the password again before a sensitive action."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from sessions_core.db.transactions import atomic
from sessions_core.models import Event
from sessions_core.moments import moment
from user_sessions.exceptions import Impersonated, NotLive, ReverificationMissing
from user_sessions.ids import new_id

__all__ = ["Reverification"]

# How long a user may take to enter the password again.
REVERIFICATION_LIFETIME = timedelta(minutes=10)


class Reverification(models.Model):
    """The part of a user session that a reverification changes."""

    verified_at = models.DateTimeField(
        _("verified at"), editable=False, help_text=_("When the user last authenticated.")
    )
    reverifying_since = models.DateTimeField(null=True, blank=True, editable=False)
    reverification_id = models.CharField(max_length=40, blank=True, editable=False)

    if TYPE_CHECKING:  # what the session has beside this
        client: Any
        impersonator: Any
        workspace_id: Any

        def is_live(self, at: datetime) -> bool: ...
        def is_usable(self, at: datetime) -> bool: ...
        def _read_again(self) -> None: ...

    class Meta:
        abstract = True

    def ask_again(self, *, at: datetime | None = None) -> None:
        """Ask the user to re-authenticate within REVERIFICATION_LIFETIME. Raise NotLive or Impersonated."""
        at = moment(at)
        if self.impersonator is not None:
            raise Impersonated
        begun = {"reverifying_since": at, "reverification_id": new_id("sver", at=at)}
        asked = self._sessions().live(at=at).filter(pk=self.pk).update(**begun)
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
    def reverify(self, *, actor: str, at: datetime | None = None) -> None:
        """Complete the re-authentication and renew the client's token. Raise ReverificationMissing or StaleClient."""
        at = moment(at)
        self.client.hold()
        asked = self._sessions().live(at=at).filter(pk=self.pk, reverifying_since__gt=at - REVERIFICATION_LIFETIME)
        if not asked.update(reverifying_since=None, verified_at=at, updated_at=at):
            raise ReverificationMissing
        self._record_event(actor=actor, at=at)
        self.client.renew(at=at)
        self._read_again()

    @atomic()
    def record_reauthentication(self, *, actor: str, at: datetime | None = None) -> None:
        """Record that the user re-authenticated outside the Frontend API, for example on a page of the host.

        ``verified_at`` never moves back. Raise NotLive or Impersonated.
        """
        at = moment(at)
        if self.impersonator is not None:
            raise Impersonated
        older = self._sessions().live(at=at).filter(pk=self.pk, verified_at__lt=at)
        if older.update(verified_at=at, updated_at=at):
            self._record_event(actor=actor, at=at)
        self._read_again()
        if not self.is_live(at):
            raise NotLive

    def _record_event(self, *, actor: str, at: datetime) -> None:
        Event.objects.record(
            "user_session.reverified", subject=self.pk, workspace_id=self.workspace_id, actor=actor, at=at
        )

    def _sessions(self) -> Any:
        return type(self)._default_manager
