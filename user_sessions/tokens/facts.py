"""Collect the facts about a session for its tokens."""

from datetime import datetime

from user_sessions.models import NotLive, UserSession, UserSessionPolicy
from user_sessions.models.status import OPEN
from user_sessions.tokens.claims import SessionFacts
from user_sessions.users import user_id

__all__ = ["session_facts"]


def session_facts(session: UserSession, *, at: datetime, authorized_party: str | None) -> SessionFacts:
    """Return the facts for a token. Raise NotLive if the session is over."""
    status = session.status_at(at)
    if status not in OPEN:
        raise NotLive
    return SessionFacts(
        issuer=UserSessionPolicy.of(session.workspace).issuer,
        user_id=user_id(session.user_id),
        session_id=session.pk,
        status=status,
        verified_at=session.verified_at,
        expire_at=session.expire_at,
        impersonator=session.impersonator,
        authorized_party=authorized_party,
    )
