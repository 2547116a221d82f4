"""Tokens that name a client or a session, and authenticate nobody: the cookie of a browser, and the link in a mail."""

from sessions_core.crypto.tokens import DerivedKind, newest_key_id
from user_sessions.models import Client, UserSession

__all__ = ["device_token", "not_me_token", "read_device_token", "read_not_me_token"]

DEVICE_TOKEN = DerivedKind("device_", short_length=27)
NOT_ME_TOKEN = DerivedKind("not_me_", short_length=27)

CLIENT, SESSION = "client_", "sess_"


def device_token(client: Client) -> str:
    """Return the value of the cookie that names the client of a browser."""
    return DEVICE_TOKEN.token(client.pk.removeprefix(CLIENT), newest_key_id())


def read_device_token(text: str) -> str | None:
    """Return the id of the client, or None if none of our keys made the token. No query."""
    return _id(DEVICE_TOKEN, CLIENT, text)


def not_me_token(session: UserSession) -> str:
    """Return the token of the link "This was not me". It names the session, and so its user."""
    return NOT_ME_TOKEN.token(session.pk.removeprefix(SESSION), newest_key_id())


def read_not_me_token(text: str) -> str | None:
    """Return the id of the session, or None if none of our keys made the token. No query."""
    return _id(NOT_ME_TOKEN, SESSION, text)


def _id(kind: DerivedKind, prefix: str, text: str) -> str | None:
    presented = kind.check(text)
    return None if presented is None else f"{prefix}{presented.short}"
