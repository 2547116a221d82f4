"""A user says that they did not sign in on a device, by the link in the mail about it."""

from datetime import datetime
from typing import TYPE_CHECKING

from sessions_core.moments import moment
from user_sessions.closers import DISOWNER

if TYPE_CHECKING:
    from user_sessions.models import UserSession, UserSessionQuerySet

__all__ = ["disown", "disownable"]

REASON = 'the user said "this was not me"'


def disownable(session: "UserSession", *, at: datetime) -> "UserSessionQuerySet":
    """Return the live sessions of the user on the client of this one: a later sign-in there may have replaced it."""
    return type(session).objects.live(at=at).filter(user=session.user_id, client=session.client_id)


def disown(session: "UserSession", *, at: datetime | None = None) -> bool:
    """Revoke what is live of the user on this client. Return True if anything was."""
    at = moment(at)
    return bool(disownable(session, at=at).revoke(actor=f"{DISOWNER}{session.pk}", at=at, reason=REASON))
