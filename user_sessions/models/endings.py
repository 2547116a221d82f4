"""What ended user sessions, whatever it was: for people who read about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from user_sessions.models.epochs import Epoch
from user_sessions.models.status import Status

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["Ending", "endings"]


class Ending(NamedTuple):
    """Empty if the session is live or expired. A change of the user has only a reason."""

    at: datetime | None = None
    by: str = ""
    reason: str = ""


def endings(sessions: "Sequence[UserSession]", *, at: datetime) -> list[Ending]:
    """Return for each session what ended it first: a transition, an epoch of the workspace, or a change of its user.
    One query for all epochs. The rows must come ``with_status_facts()``, or each costs another query."""
    ids = {session.epoch_id for session in sessions if session.closed_at is None} - {None}
    epochs = Epoch.objects.in_bulk(ids) if ids else {}
    return [_ending(session, epochs, at) for session in sessions]


def _ending(session: "UserSession", epochs: dict[int, Epoch], at: datetime) -> Ending:
    if session.closed_at is not None:
        return Ending(session.closed_at, session.closed_by, session.close_reason)
    epoch = epochs.get(session.epoch_id or 0)
    if epoch is not None:
        return Ending(epoch.not_before, epoch.actor, epoch.reason)
    return Ending(reason=session.void_reason or "") if session.status_at(at) == Status.REVOKED else Ending()
