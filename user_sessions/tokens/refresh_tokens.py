"""The refresh token of a session, derived from its id and from the TOKEN_KEYS."""

from sessions_core.crypto.tokens import DerivedKind
from user_sessions.models import UserSession

__all__ = ["is_refresh_token_of", "refresh_token"]


REFRESH_TOKEN = DerivedKind("rt_", short_length=27)


def refresh_token(session: UserSession) -> str:
    """Return the token with which an app's server refreshes an expired session token of this session.

    It becomes invalid with the client's key.
    """
    return REFRESH_TOKEN.token(_ksuid(session), session.client.token_key)


def is_refresh_token_of(session: UserSession, text: str) -> bool:
    presented = REFRESH_TOKEN.check(text)
    return (
        presented is not None
        and presented.short == _ksuid(session)
        and REFRESH_TOKEN.agrees(presented, session.client.token_key)
    )


def _ksuid(session: UserSession) -> str:
    return session.pk.removeprefix("sess_")
