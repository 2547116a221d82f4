"""A user says that they did not sign in on a device, by the link in the mail about it."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from sessions_core.db.transactions import atomic
from sessions_core.models import Event
from sessions_core.moments import moment
from user_sessions.closers import DISOWNED, DISOWNER
from user_sessions.models import Client

if TYPE_CHECKING:
    from user_sessions.models import UserSession, UserSessionQuerySet

__all__ = ["disown", "disownable"]

REASON = 'the user said "this was not me"'


def disownable(session: "UserSession") -> "UserSessionQuerySet":
    """Return the sessions of the user on the client of this one that the user has not disowned, also those that are
    over: the device must not be known by them."""
    disowned = Event.objects.filter(type=DISOWNED, subject=OuterRef("pk"))
    here = type(session).objects.filter(user=session.user_id, client=session.client_id)
    return here.filter(~Exists(disowned))


@atomic()
def disown(session: "UserSession", *, at: datetime | None = None) -> bool:
    """Disown the user's sessions on this client, and revoke those that are not over. Return True if there were any.

    ``risk.new_device`` ignores disowned sessions.
    """
    at, actor = moment(at), f"{DISOWNER}{session.pk}"
    # Locked, so that concurrent calls and sign-ins on the client wait.
    list(Client.objects.select_for_update(no_key=True).filter(pk=session.client_id).order_by().values_list("pk"))
    sessions = disownable(session)
    ids = sorted(sessions.values_list("pk", flat=True))
    if ids:
        sessions.revoke(actor=actor, at=at, reason=REASON)
        Event.objects.record_all(DISOWNED, subjects=ids, workspace_id=session.workspace_id, actor=actor, at=at)
    return bool(ids)
