"""What a session says in its tokens."""

from datetime import datetime

from user_sessions.models import NotLive, UserSession, UserSessionPolicy
from user_sessions.models.status import OPEN
from user_sessions.tokens.claims import SessionFacts
from user_sessions.users import user_id

__all__ = ["require_token_facts", "session_facts"]


def require_token_facts(session: UserSession | None) -> None:
    """Raises ValueError for a session that came without its token facts, and for None."""
    if not hasattr(session, "own_claims"):
        raise ValueError("session must come from UserSession.minting(), which returns None for a session that is over.")


def session_facts(session: UserSession, *, at: datetime, authorized_party: str | None) -> SessionFacts:
    """Raises NotLive for a session that is over, and ValueError."""
    require_token_facts(session)
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
        actor=session.actor,
        authorized_party=authorized_party,
    )
