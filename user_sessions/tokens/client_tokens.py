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
    """What the token of a client says: whose it is, of which generation, and the key that derived it."""

    client_id: str
    rotation: str
    key_id: str

    def is_of(self, client: Client) -> bool:
        """Whether it is the client's present token."""
        key_id, _ = CLIENT_KEY.current(client.token_key)
        return (self.client_id, self.rotation, self.key_id) == (client.pk, client.rotation, key_id)


def client_token(client: Client) -> str:
    """What a client shows to be known as itself. It is derived: the row alone makes none, and of a new ``rotation``
    there is a new one, and the old one is dead."""
    key_id, key = CLIENT_KEY.current(client.token_key)
    return jwt.encode({"id": client.pk, "rotating_token": client.rotation}, key, OWN_ALGORITHM, {"kid": key_id})


def read_client_token(text: str) -> ClientClaims | None:
    """What a client's token says, if one of our keys made it; no query needed to refuse the rest."""
    parts = own_parts(text, CLIENT_KEY)
    if parts is None:
        return None
    return ClientClaims(parts.payload["id"], parts.payload["rotating_token"], parts.kid or "")
