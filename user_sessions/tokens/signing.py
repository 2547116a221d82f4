"""A token before it is signed, and the key that signs it."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

from user_sessions.templating.shortcodes import OutputTooLarge
from user_sessions.verify.form import MAX_CHARACTERS
from user_sessions.verify.verifier import SESSION_TOKEN

__all__ = ["Unsigned"]

_ALGORITHMS = get_default_algorithms()
_CLAIMS_JSON = json.JSONEncoder(separators=(",", ":"))
_HEADER_JSON = json.JSONEncoder(separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class Unsigned:
    """Claims and header of a token, and the key to sign it with."""

    claims: dict[str, Any]
    header: dict[str, Any]
    key: Any = field(repr=False)
    algorithm: str

    def signed(self) -> str:
        """Return the signed token. Raise OutputTooLarge."""
        header = _HEADER_JSON.encode({"typ": "JWT", "alg": self.algorithm, **self.header})
        message = f"{_base64(header.encode())}.{_base64(_CLAIMS_JSON.encode(self.claims).encode())}"
        signature = _ALGORITHMS[self.algorithm].sign(message.encode(), self.key)
        token = f"{message}.{_base64(signature)}"
        if self.header.get("cat") == SESSION_TOKEN["cat"] and len(token) > MAX_CHARACTERS:
            raise OutputTooLarge("no verifier reads a session token of this length")
        return token


def _base64(part: bytes) -> str:
    return base64url_encode(part).decode()


def new_token_id() -> str:
    return secrets.token_hex(10)
