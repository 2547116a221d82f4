"""Refresh an expired session token for an app's server, so that the user needs no redirect.

The order of the checks is our choice. Each has its own code, and after any of them SDKs fall back to the handshake.
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

# An older token is not refreshed; its browser goes through the handshake.
LONGEST_ABSENCE = timedelta(days=1)

_ORIGIN = re.compile(r"https?://[^/?#\s@]+", re.ASCII)

# The decision does not depend on the browser's connection: ``request_headers`` is ignored, and
# ``request_originating_ip`` must only be a string.
REFRESH = Parameters(
    request_originating_ip=Text(),
    expired_token=Text(required=True, max_length=LONGEST_TOKEN),
    refresh_token=Text(required=True),
    request_origin=Text(required=True),
    format=Choice(options=("token", "cookie")),
)

_MISSING_CLAIM_CODES = {
    "sid": "expired_session_token_missing_sid",
    "iat": "session_refresh_expired_session_token_missing_iat",
}


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """The request of an app's server: the expired session token, the refresh token, and the origin of the page."""

    expired_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    origin: str
    format: str

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Refresh":
        """Return the request in a body. Raise ClerkError."""
        values = REFRESH.read(body)
        return cls(
            expired_token=values["expired_token"],
            refresh_token=values["refresh_token"],
            origin=values["request_origin"],
            format=values.get("format", "token"),
        )

    def token(self, workspace: Workspace, session_id: str, *, at: datetime) -> str:
        """Return a new session token for the same page. Raise ClerkError."""
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
        if not session.consume(claims.issued_at, origin=self.origin, at=at):
            raise ClerkError("session_refresh_expired_session_token_consumed")
        try:
            return session_token(session, at=at, authorized_party=self.origin)
        except NotLive as ended:
            raise ClerkError("session_refresh_inactive_session") from ended

    def _claims(self, workspace: Workspace, *, at: datetime) -> SessionClaims:
        """Return the claims of the session token, which may be expired. Raise ClerkError."""
        try:
            return verifier_of(workspace, at=at).authentic(self.expired_token)
        except WrongKind as rejected:
            raise ClerkError("session_refresh_session_token_ineligible") from rejected
        except MissingClaim as rejected:
            raise ClerkError(_MISSING_CLAIM_CODES.get(rejected.args[0], "expired_session_token_invalid")) from rejected
        except TokenRejected as rejected:
            raise ClerkError("expired_session_token_invalid") from rejected

    def _session(self, workspace: Workspace, session_id: str, *, at: datetime) -> UserSession:
        sessions = UserSession.objects.in_workspace(workspace).filter(pk=session_id)
        session = sessions.for_minting(at=at).select_related("user", "client").first()
        if session is None or not session.user.is_active:
            raise ClerkError(_refusal_code(sessions.select_related("user").first()))
        if not is_refresh_token_of(session, self.refresh_token):
            raise ClerkError("refresh_token_not_found")
        return session


def _refusal_code(session: UserSession | None) -> str:
    if session is None:
        return "session_refresh_session_not_found"
    return "session_refresh_inactive_session" if session.user.is_active else "session_refresh_user_not_found"
