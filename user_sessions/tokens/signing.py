"""A token before it is signed, and the key that signs it."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import jwt

from user_sessions.templating.shortcodes import OutputTooLarge
from user_sessions.verify.form import MAX_CHARACTERS
from user_sessions.verify.verifier import SESSION_TOKEN

__all__ = ["Unsigned"]


@dataclass(frozen=True)
class Unsigned:
    """Claims and header of a token, and the key to sign it with."""

    claims: dict[str, Any]
    header: dict[str, Any]
    key: Any = field(repr=False)
    algorithm: str

    def signed(self) -> str:
        """Return the signed token. Raise OutputTooLarge."""
        token = jwt.encode(self.claims, self.key, self.algorithm, headers=self.header)
        if self.header.get("cat") == SESSION_TOKEN["cat"] and len(token) > MAX_CHARACTERS:
            raise OutputTooLarge("no verifier reads a session token of this length")
        return token


def new_token_id() -> str:
    return secrets.token_hex(10)
