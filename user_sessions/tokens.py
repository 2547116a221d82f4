"""How a session token is made. The only module that imports ``jwt``."""

import secrets
from datetime import datetime, timedelta

import jwt

from user_sessions.claims import SessionFacts, session_token_claims
from user_sessions.conf import settings
from user_sessions.key_pairs import ALGORITHM
from user_sessions.models import SigningKey, UserSession, private_key
from user_sessions.users import user_id

__all__ = ["LIFETIMES", "session_token"]

# What a caller may ask for, in seconds; the session's own end clamps it.
LIFETIMES = range(30, 315_360_000 + 1)

# Protected header ``cat``: tells session tokens from every other kind that the same key signs.
SESSION_TOKEN = "cl_B7d4PD111AAA"


def session_token(session: UserSession, *, at: datetime, lifetime: timedelta | None = None) -> str:
    """A signed session token of a live session, which must come from ``UserSession.objects.for_minting()``."""
    claims = session_token_claims(
        SessionFacts(
            issuer=session.workspace.frontend_api or session.workspace.pk.urn,
            user_id=user_id(session.user_id),
            session_id=session.pk,
            status=session.status_at(at),
            created_at=session.created_at,
            expire_at=session.expire_at,
            actor=session.actor,
        ),
        at=at,
        lifetime=lifetime or settings.session_token_lifetime,
        token_id=secrets.token_hex(10),
    )
    kid = session.signing_kid or SigningKey.objects.current(session.workspace).kid
    return jwt.encode(claims, private_key(kid), ALGORITHM, headers={"kid": kid, "cat": SESSION_TOKEN})
