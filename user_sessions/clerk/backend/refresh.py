"""A session token that expired, made anew for an app's server, so that its user needs no redirect.

The order of the checks is ours; each has a code of its own, and after any of them SDKs fall back to the handshake.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sessions_core.http.parameters import Choice, Text
from sessions_core.models import Workspace
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.parameters import LONGEST_TOKEN, Parameters
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import NotLive, UserSession
from user_sessions.tokens.refresh_tokens import is_refresh_token_of
from user_sessions.tokens.session_tokens import session_token
from user_sessions.verify import MissingClaim, SessionClaims, TokenRejected, WrongKind

__all__ = ["Refresh"]

# A browser that comes back later goes through the handshake.
LONGEST_ABSENCE = timedelta(days=1)

_ORIGIN = re.compile(r"https?://[^/?#\s@]+", re.ASCII)

# Where the browser connects from is no part of the decision: ``request_headers`` is not looked at, and of
# ``request_originating_ip`` only that it is a text.
REFRESH = Parameters(
    request_originating_ip=Text(),
    expired_token=Text(required=True, max_length=LONGEST_TOKEN),
    refresh_token=Text(required=True),
    request_origin=Text(required=True),
    format=Choice(options=("token", "cookie")),
)

_WITHOUT = {
    "sid": "expired_session_token_missing_sid",
    "iat": "session_refresh_expired_session_token_missing_iat",
}


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """What an app's server asks: the token that expired, the cookie beside it, and the origin of the page."""

    expired_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    origin: str
    format: str

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Refresh":
        """Return what a body asks for. Raises ClerkError."""
        values = REFRESH.read(body)
        return cls(
            expired_token=values["expired_token"],
            refresh_token=values["refresh_token"],
            origin=values["request_origin"],
            format=values.get("format", "token"),
        )

    def token(self, workspace: Workspace, session_id: str, *, at: datetime) -> str:
        """A fresh session token for the same page. Raises ClerkError."""
        if not _ORIGIN.fullmatch(self.origin):
            raise ClerkError("refresh_request_origin_invalid")
        claims = self._claims(workspace, at=at)
        if claims.session_id != session_id:
            raise ClerkError("refresh_sid_mismatch")
        if claims.authorized_party is None:
            raise ClerkError("expired_session_token_missing_azp")
        if claims.authorized_party != self.origin:
            raise ClerkError("refresh_request_origin_azp_mismatch")
        if at - claims.issued_at > LONGEST_ABSENCE:
            raise ClerkError("session_refresh_expired_session_token_too_old")
        session = self._session(workspace, session_id, at=at)
        if not session.consume(claims.issued_at):
            raise ClerkError("session_refresh_expired_session_token_consumed")
        try:
            return session_token(session, at=at, authorized_party=self.origin)
        except NotLive as ended:
            raise ClerkError("session_refresh_inactive_session") from ended

    def _claims(self, workspace: Workspace, *, at: datetime) -> SessionClaims:
        """What the token says, whose time is over on purpose."""
        try:
            return verifier_of(workspace, at=at).authentic(self.expired_token)
        except WrongKind as rejected:
            raise ClerkError("session_refresh_session_token_ineligible") from rejected
        except MissingClaim as rejected:
            raise ClerkError(_WITHOUT.get(rejected.args[0], "expired_session_token_invalid")) from rejected
        except TokenRejected as rejected:
            raise ClerkError("expired_session_token_invalid") from rejected

    def _session(self, workspace: Workspace, session_id: str, *, at: datetime) -> UserSession:
        sessions = UserSession.objects.in_workspace(workspace).filter(pk=session_id)
        session = sessions.for_minting(at=at).select_related("user", "workspace", "client").first()
        if session is None or not session.user.is_active:
            raise ClerkError(_why_not(sessions.select_related("user").first()))
        if not is_refresh_token_of(session, self.refresh_token):
            raise ClerkError("refresh_token_not_found")
        return session


def _why_not(session: UserSession | None) -> str:
    if session is None:
        return "session_refresh_session_not_found"
    return "session_refresh_inactive_session" if session.user.is_active else "session_refresh_user_not_found"
