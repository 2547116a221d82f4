"""Refreshing: an expired session token is exchanged for a new one, once. A second time, a copy of it may be in use."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from sessions_core.db.transactions import atomic
from sessions_core.models import Event, Workspace
from sessions_core.moments import instant, moment
from user_sessions.models.policies import ReusePolicy, UserSessionPolicy
from user_sessions.models.status import Status

__all__ = ["Refreshing"]

TOKEN_REUSED = "token_reused"
BY = f"system:{TOKEN_REUSED}"

# Requests that a browser sends together present the same token, and a browser that lost a response presents it again.
REUSE_GRACE = timedelta(seconds=30)

# Characters of an origin, as in ``azp``.
LONGEST_ORIGIN = 255


class Refreshing(models.Model):
    """The part of a user session that a refresh of a session token changes."""

    refreshed_to = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("Session tokens issued until then cannot be refreshed.")
    )
    refreshed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The origin of the latest refresh.
    refreshed_for = models.CharField(max_length=LONGEST_ORIGIN, blank=True, editable=False)

    if TYPE_CHECKING:  # what the session has beside this
        workspace: Workspace
        workspace_id: Any

    class Meta:
        abstract = True

    def consume(self, issued_at: datetime, *, origin: str, at: datetime) -> bool:
        """Mark session tokens issued until then as refreshed, for the page of this origin. Return True if this one was
        not refreshed before. If it was, the policy of the workspace may end the session."""
        unused = self._this().exclude(refreshed_to__gte=instant(issued_at, name="issued_at"))
        at, origin = moment(at), origin[:LONGEST_ORIGIN]
        if unused.update(refreshed_to=issued_at, refreshed_at=at, refreshed_for=origin):
            return True
        if UserSessionPolicy.of(self.workspace).reuse_policy == ReusePolicy.REVOKE:
            self._revoke_reused(origin, at=at)
        return False

    @atomic()
    def _revoke_reused(self, origin: str, *, at: datetime) -> None:
        """Revoke the session if its latest refresh was for the same origin and longer ago than REUSE_GRACE.

        Each origin can have its own cookies. A refresh for one origin uses up older tokens of the others, so presenting
        one of those does not mean that it was copied.
        """
        reused = self._this().filter(refreshed_for=origin, refreshed_at__lte=at - REUSE_GRACE)
        if reused.close(Status.REVOKED, actor=BY, at=at, reason=TOKEN_REUSED):
            type = f"user_session.{TOKEN_REUSED}"
            Event.objects.record(type, subject=self.pk, workspace_id=self.workspace_id, actor=BY, at=at, origin=origin)

    def _this(self) -> Any:
        return type(self)._default_manager.filter(pk=self.pk)
