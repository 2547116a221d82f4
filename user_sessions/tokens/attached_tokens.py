"""Session tokens that a response attaches to each live session of a client, cached in the process.

Signing is most of the cost of such a response. The claims are built from the row on every call, and a cached token is
reused only if a new one would differ in nothing but its times and id.
"""

import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from sessions_core.crypto.tokens import digest
from user_sessions.conf import settings
from user_sessions.models import NotLive, UserSession
from user_sessions.templating.shortcodes import OutputTooLarge
from user_sessions.tokens.session_tokens import unsigned_session_token
from user_sessions.tokens.signing import Unsigned

__all__ = ["attached_token"]

logger = logging.getLogger(__name__)

# Tokens in this process, about 0.6 MiB. The least recently used one is dropped first. A page asks for its client a few
# times within seconds, when it loads.
MOST = 512

# Claims that differ between two tokens with the same content.
TOKEN_SPECIFIC = ("iat", "nbf", "exp", "jti")


class _Signed(NamedTuple):
    content: str
    issued_at: int
    expires_at: int
    token: str


_signed: OrderedDict[tuple[str, str | None], _Signed] = OrderedDict()
_lock = Lock()


def attached_token(session: UserSession, *, at: datetime, authorized_party: str | None) -> str | None:
    """Return a session token, or None if the session is over or its token is too large.

    This does not count as use of the session. The token is valid for at least half its lifetime, unless the session
    ends earlier.
    """
    if not session.user.is_active:
        return None
    cache_key, lifetime = (session.pk, authorized_party), settings.session_token_lifetime
    try:
        unsigned = unsigned_session_token(session, at=at, lifetime=lifetime, authorized_party=authorized_party)
        content = _content(unsigned, lifetime)
        return _reusable(cache_key, content, unsigned, lifetime, at) or _sign(cache_key, content, unsigned)
    except NotLive:
        return None
    except OutputTooLarge:
        logger.warning("Session %s is not listed: its session token is too large.", session.pk)
        return None


def _content(unsigned: Unsigned, lifetime: timedelta) -> str:
    """Return a digest of the key, the lifetime and the claims, except times and id."""
    claims = {name: value for name, value in unsigned.claims.items() if name not in TOKEN_SPECIFIC}
    return digest(repr((unsigned.header["kid"], lifetime, claims)))


def _reusable(
    cache_key: tuple[str, str | None], content: str, unsigned: Unsigned, lifetime: timedelta, at: datetime
) -> str | None:
    half, now = lifetime.total_seconds() / 2, at.timestamp()
    with _lock:
        signed = _signed.get(cache_key)
        if signed is None or signed.content != content or not signed.issued_at <= now:
            return None
        if signed.expires_at - now < half or signed.expires_at > unsigned.claims["exp"]:
            return None
        _signed.move_to_end(cache_key)
        return signed.token


def _sign(cache_key: tuple[str, str | None], content: str, unsigned: Unsigned) -> str:
    """Sign and cache a token. Raise OutputTooLarge."""
    token = unsigned.signed()
    with _lock:
        _signed[cache_key] = _Signed(content, unsigned.claims["iat"], unsigned.claims["exp"], token)
        _signed.move_to_end(cache_key)
        if len(_signed) > MOST:
            _signed.popitem(last=False)
    return token
