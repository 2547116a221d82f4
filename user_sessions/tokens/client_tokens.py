"""The token that identifies a client, derived from its row and from the TOKEN_KEYS."""

from dataclasses import dataclass

import jwt

from sessions_core.crypto.tokens import DerivedKey
from user_sessions.models import Client
from user_sessions.tokens.own_tokens import OWN_ALGORITHM, own_parts

__all__ = ["ClientClaims", "client_token", "read_client_token"]


CLIENT_KEY = DerivedKey("client token")


@dataclass(frozen=True)
class ClientClaims:
    """The claims of a client token: the client, the generation, and the id of the deriving key."""

    client_id: str
    rotation: str
    key_id: str

    def is_of(self, client: Client) -> bool:
        """Return True if this is the client's current token."""
        key_id, _ = CLIENT_KEY.current(client.token_key)
        return (self.client_id, self.rotation, self.key_id) == (client.pk, client.rotation, key_id)


def client_token(client: Client) -> str:
    """Return the token that authenticates a client.

    It is derived from the row and a key outside the database. A new ``rotation`` makes the old token invalid.
    """
    key_id, key = CLIENT_KEY.current(client.token_key)
    return jwt.encode({"id": client.pk, "rotating_token": client.rotation}, key, OWN_ALGORITHM, {"kid": key_id})


def read_client_token(text: str) -> ClientClaims | None:
    """Return the claims of a client token, or None if the signature is invalid. No query."""
    parts = own_parts(text, CLIENT_KEY)
    if parts is None:
        return None
    return ClientClaims(parts.payload["id"], parts.payload["rotating_token"], parts.kid or "")
