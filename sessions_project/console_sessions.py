"""Django sessions with a digest of the key in the database, so that a stolen dump contains no working session."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from sessions_core.crypto.tokens import digest

__all__ = ["SessionStore"]

# Characters of the column: 160 bits of the digest.
COLUMN = 40


class SessionStore(DatabaseStore):
    """Looks up the key of the cookie by its digest. Synchronous only, like the admin."""

    def exists(self, session_key: str) -> bool:
        return super().exists(_digest_of_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        session = super().create_model_instance(data)
        session.session_key = _digest_of_key(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(_digest_of_key(key))

    def _get_session_from_db(self) -> Session | None:
        rows = Session.objects.filter(
            session_key=_digest_of_key(self.session_key or ""), expire_date__gt=timezone.now()
        )
        session = rows.first()
        if session is None:
            self._session_key = None
        return session


def _digest_of_key(session_key: str) -> str:
    return digest(session_key)[:COLUMN]
