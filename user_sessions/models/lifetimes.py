"""When a session expires: after its lifetime, or when it is not used for its idle lifetime."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from sessions_core.models import Workspace
from sessions_core.moments import moment
from user_sessions.conf import settings
from user_sessions.exceptions import NotLive
from user_sessions.limits import Limits
from user_sessions.models.policies import UserSessionPolicy

__all__ = ["Lifetime", "ends"]

# Measured from the start of the session, unless its lifetime is longer.
ABANDONED_AFTER = timedelta(days=30)


class Lifetime(models.Model):
    """The part of a user session that says when it expires."""

    last_active_at = models.DateTimeField(_("last active at"), editable=False)
    latest_expire_at = models.DateTimeField(null=True, blank=True)
    # That of the kind of sign-in, if it has one. The policy of the workspace can be narrower.
    idle_lifetime = models.DurationField(null=True, blank=True, editable=False)

    if TYPE_CHECKING:  # what the session has beside this
        workspace: Workspace
        created_at: datetime
        expire_at: datetime

        def is_live(self, at: datetime) -> bool: ...
        def _read_again(self) -> None: ...

    class Meta:
        abstract = True

    def note_use(self, *, at: datetime) -> None:
        """Extend the idle lifetime when a token is minted.

        Write once per TOUCH_INTERVAL, and only if the session has an idle lifetime. Raise NotLive if the session ended
        after it was read.
        """
        at = moment(at)
        if self.idle_lifetime is None and UserSessionPolicy.of(self.workspace).idle_lifetime is None:
            return
        prolonged = self._prolonged(at)
        if timedelta(0) <= prolonged["expire_at"] - self.expire_at < self._touch_interval():
            return
        sessions: Any = type(self)._default_manager
        sessions.live(at=at).filter(pk=self.pk, expire_at=self.expire_at).update(**prolonged)
        self._read_again()
        if not self.is_live(at):
            raise NotLive

    @property
    def _limits(self) -> Limits:
        """Return the limits that apply now: a change of the policy also applies to sessions in use."""
        return Limits(idle_lifetime=self.idle_lifetime).within(UserSessionPolicy.of(self.workspace))

    def _touch_interval(self) -> timedelta:
        """Return a tenth of the idle lifetime at most, so that a session in use does not expire between two writes."""
        idle = self._limits.idle_lifetime
        return min(settings.touch_interval, idle / 10) if idle else settings.touch_interval

    def _prolonged(self, at: datetime) -> dict[str, Any]:
        limits = self._limits
        latest = self.latest_expire_at or (self.created_at + limits.lifetime if limits.lifetime else None)
        expire_at = _end(latest, limits, at=at)
        return {"expire_at": expire_at, "abandon_at": Greatest(F("abandon_at"), Value(expire_at))}


def ends(limits: Limits, *, at: datetime) -> dict[str, Any]:
    """Return the columns of a session with these limits that begins now: when it expires, at the latest and when it
    is abandoned."""
    latest = at + limits.lifetime if limits.lifetime else None
    expire_at = _end(latest, limits, at=at)
    return {
        "expire_at": expire_at,
        "latest_expire_at": latest,
        "abandon_at": max(at + ABANDONED_AFTER, expire_at),
    }


def _end(latest: datetime | None, limits: Limits, *, at: datetime) -> datetime:
    """Return when a session used at ``at`` expires: after the idle lifetime, at ``latest`` at the latest."""
    idle = at + limits.idle_lifetime if limits.idle_lifetime else None
    return min(end for end in (latest, idle) if end)
