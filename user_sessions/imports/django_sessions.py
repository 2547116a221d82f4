"""Sessions of ``django.contrib.sessions`` in the database.

A browser that is signed in gets a user session at its next request, whether this was imported or not.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import auth
from django.core import signing

from user_sessions.django_links import SESSION_KEY
from user_sessions.imports.past_sessions import Outcome, PastSession, Refused
from user_sessions.imports.tables import Row, TableSource

__all__ = ["KIND", "DjangoSessions", "SessionData"]

# Packages that name Django's sessions by their keys share it: a session is imported once, whichever comes first.
KIND = "session_key"

# That of SessionBase.key_salt for every engine whose class is called SessionStore.
SALT = "django.contrib.sessions.SessionStore"


@dataclass(frozen=True, kw_only=True)
class SessionData:
    """What the signed data of a session tells. ``saved_at`` is in whole seconds."""

    saved_at: datetime
    user: str | None
    auth_hash: str
    is_adopted: bool

    @classmethod
    def read(cls, text: str | None) -> "SessionData | None":
        """Return the data, or None if it was not signed with SECRET_KEY or a fallback."""
        try:
            data: Any = signing.loads(text or "", salt=SALT)
            saved_at = datetime.fromtimestamp(signing.b62_decode((text or "").rsplit(":", 2)[1]), UTC)
        except Exception:  # as SessionBase.decode: the text can be anything
            return None
        if not isinstance(data, dict):
            return None
        user, auth_hash = data.get(auth.SESSION_KEY), data.get(auth.HASH_SESSION_KEY)
        return cls(
            saved_at=saved_at,
            user=None if user is None else str(user),
            auth_hash=auth_hash if isinstance(auth_hash, str) else "",
            is_adopted=SESSION_KEY in data,
        )


class DjangoSessions(TableSource):
    table = "django_session"
    primary_key = "session_key"
    columns = ("session_key", "session_data", "expire_date")

    def convert(self, row: Row) -> PastSession:
        data = SessionData.read(row["session_data"])
        if data is None or row["session_key"] is None:
            raise Refused(Outcome.UNREADABLE)
        if data.user is None:
            raise Refused(Outcome.NO_USER)
        if data.is_adopted:
            raise Refused(Outcome.ADOPTED)
        return PastSession(
            kind=KIND,
            identity=row["session_key"],
            user=data.user,
            created_at=data.saved_at,
            last_active_at=data.saved_at,
            expire_at=self.time(row, "expire_date"),
            auth_hash=data.auth_hash,
        )
