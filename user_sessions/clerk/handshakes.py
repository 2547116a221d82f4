"""The handshake: how an app's server learns who is signed in when a browser has no valid session cookie.

The server redirects the browser here, and we redirect it back with the cookies: in a signed token, or behind a nonce
that the server exchanges with its secret key.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sessions_core.http.cors import is_allowed
from sessions_core.models import Workspace
from user_sessions.clerk.cookies import (
    dev_browser_cookies,
    handshake_cookie_deletions,
    signed_in_cookies,
    signed_out_cookies,
)
from user_sessions.models import NonceSpent, UserSession, UserSessionPolicy
from user_sessions.models.nonces import SpentNonce
from user_sessions.templating.shortcodes import OutputTooLarge
from user_sessions.tokens.handshake_tokens import handshake_nonce, read_handshake_nonce
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token

__all__ = ["Handshake", "origin_of"]

logger = logging.getLogger(__name__)

# Longest time of the redirect from here to the app's server.
NONCE_LIFETIME = timedelta(minutes=1)

# Scheme, host and port, then the rest: no user, no backslash, nothing that browsers parse differently.
_URL = re.compile(r"(https?://(?:[a-z0-9.\-]+|\[::1\])(?::\d{1,5})?)(?:[/?#][!-\[\]-~]*)?", re.ASCII | re.IGNORECASE)


def origin_of(url: str, workspace: Workspace) -> str | None:
    """Return the origin of a URL if the workspace allows redirects to it, or None."""
    match = _URL.fullmatch(url)
    origin = match[1].lower() if match else ""
    is_ours = origin == UserSessionPolicy.of(workspace).frontend_api
    return origin if origin and (is_ours or is_allowed(origin, workspace)) else None


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """``session_id`` is empty without a signed-in user; ``origin`` is the app's; only a sandbox has ``dev_browser``."""

    session_id: str
    origin: str
    dev_browser: str
    suffixed: bool

    def directives(self, workspace: Workspace, *, at: datetime) -> list[str]:
        """Return the Set-Cookie directives for the current state of the session, which may have ended meanwhile."""
        dev_browser = dev_browser_cookies(self.dev_browser, workspace, suffixed=self.suffixed)
        dropped = [] if workspace.is_sandbox else handshake_cookie_deletions(workspace, page=self.origin)
        return [*(dev_browser if self.dev_browser else []), *dropped, *self._session_cookies(workspace, at)]

    def nonce(self, workspace: Workspace, *, at: datetime) -> str:
        facts = {"workspace": str(workspace.pk), **asdict(self)}
        return handshake_nonce(facts, expire_at=at + NONCE_LIFETIME)

    @classmethod
    def redeem(cls, nonce: str, workspace: Workspace, *, at: datetime) -> Self:
        """Return the handshake of a nonce, once. Raise NonceSpent, also for an invalid or expired nonce."""
        facts: Mapping[str, Any] = read_handshake_nonce(nonce) or {}
        if facts.get("workspace") != str(workspace.pk):
            raise NonceSpent
        expire_at = datetime.fromtimestamp(facts["exp"], UTC)
        if expire_at <= at:
            raise NonceSpent
        SpentNonce.objects.spend(facts["jti"], expire_at=expire_at, at=at)
        return cls(**{name: facts[name] for name in cls.__dataclass_fields__})

    def _session_cookies(self, workspace: Workspace, at: datetime) -> list[str]:
        session = UserSession.minting(workspace, self.session_id, at=at) if self.session_id else None
        token = self._token(session, at) if session else None
        if session is None or token is None:
            return signed_out_cookies(workspace, page=self.origin, suffixed=self.suffixed)
        # Not later than the token's ``iat``, or the app's server would start another handshake.
        since = min(session.client.updated_at, at)
        return signed_in_cookies(
            token, refresh_token(session), workspace, since=since, page=self.origin, suffixed=self.suffixed
        )

    def _token(self, session: UserSession, at: datetime) -> str | None:
        """Return a session token, or None if it is too large, so that the app's pages still load."""
        try:
            return session_token(session, at=at, authorized_party=self.origin, is_use=False)
        except OutputTooLarge as error:
            logger.warning(
                "The handshake reports session %s as signed out: its session token is too large (%s).", session, error
            )
            return None
