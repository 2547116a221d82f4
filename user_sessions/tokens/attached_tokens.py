"""Session tokens that an answer attaches to each live session of a client, signed once and used again for a while.

Signing is most of what such an answer costs. What the token would say is worked out anew each time, from the row that
was just read, so a kept token is used only where a new one would differ in its times and its id alone.
"""

import json
import logging
from collections import OrderedDict
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from sessions_core.crypto.tokens import digest
from user_sessions.conf import settings
from user_sessions.models import UserSession
from user_sessions.templating.shortcodes import OutputTooLarge
from user_sessions.tokens.session_tokens import unsigned_session_token
from user_sessions.tokens.signing import Unsigned

__all__ = ["attached_token"]

logger = logging.getLogger(__name__)

# Tokens in this process; the one that was used longest ago goes first.
MOST = 2048

# What differs between two tokens that say the same.
OWN_TO_A_TOKEN = ("iat", "nbf", "exp", "jti")


class _Signed(NamedTuple):
    content: str
    issued_at: int
    expires_at: int
    token: str


_signed: OrderedDict[tuple[str, str | None], _Signed] = OrderedDict()
_lock = Lock()


def attached_token(session: UserSession, *, at: datetime, authorized_party: str | None) -> str | None:
    """Return a session token, or None if the session is over or its token is too large.

    This does not count as use of the session. At least half of the
    token's life is left, unless the session itself ends earlier.
    """
    if not session.is_usable(at):
        return None
    place = session.pk, authorized_party
    try:
        unsigned = unsigned_session_token(session, at=at, authorized_party=authorized_party)
        content = _content(unsigned)
        return _reusable(place, content, unsigned, at) or _sign(place, content, unsigned)
    except OutputTooLarge:
        logger.warning("Session %s is not listed: its session token is too large.", session.pk)
        return None


def _content(unsigned: Unsigned) -> str:
    """A digest of the key and of the claims that say something about the session."""
    claims = {name: value for name, value in unsigned.claims.items() if name not in OWN_TO_A_TOKEN}
    return digest(json.dumps([unsigned.header["kid"], settings.session_token_lifetime.total_seconds(), claims]))


def _reusable(place: tuple[str, str | None], content: str, unsigned: Unsigned, at: datetime) -> str | None:
    half = settings.session_token_lifetime.total_seconds() / 2
    with _lock:
        signed = _signed.get(place)
        if signed is None or signed.content != content or not signed.issued_at <= at.timestamp():
            return None
        if signed.expires_at - at.timestamp() < half or signed.expires_at > unsigned.claims["exp"]:
            return None
        _signed.move_to_end(place)
        return signed.token


def _sign(place: tuple[str, str | None], content: str, unsigned: Unsigned) -> str:
    """Raises OutputTooLarge."""
    token = unsigned.signed()
    with _lock:
        _signed[place] = _Signed(content, unsigned.claims["iat"], unsigned.claims["exp"], token)
        _signed.move_to_end(place)
        if len(_signed) > MOST:
            _signed.popitem(last=False)
    return token
