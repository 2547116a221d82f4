"""The tokens of a handshake: signed cookies for a browser, or a nonce for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jwt

from sessions_core.crypto.tokens import DerivedKey
from sessions_core.models import Workspace
from user_sessions.models import SigningKey
from user_sessions.models.signing_keys import private_key
from user_sessions.tokens.own_tokens import OWN_ALGORITHM, own_parts
from user_sessions.tokens.signing import Unsigned, new_token_id

__all__ = ["handshake_nonce", "handshake_token", "read_handshake_nonce"]


# Header ``cat``, so that no SDK accepts a handshake token as a session token.
HANDSHAKE_TOKEN = "cl_I7d4PD111III"
HANDSHAKE_KEY = DerivedKey("handshake nonce")


def handshake_nonce(facts: Mapping[str, Any], *, expire_at: datetime) -> str:
    """Return a nonce that an app's server exchanges once for a browser's cookies, together with its secret key."""
    key_id, key = HANDSHAKE_KEY.current("")
    claims = {**facts, "jti": new_token_id(), "exp": int(expire_at.timestamp())}
    return jwt.encode(claims, key, OWN_ALGORITHM, {"kid": key_id})


def read_handshake_nonce(text: str) -> dict[str, Any] | None:
    """Return the facts in a nonce, even an expired one, or None if the signature is invalid."""
    parts = own_parts(text, HANDSHAKE_KEY)
    return None if parts is None else parts.payload


def handshake_token(workspace: Workspace, directives: Sequence[str], *, at: datetime) -> str:
    """Return the cookies for an app's server, signed with the workspace's key."""
    kid = SigningKey.objects.current(workspace, at=at).kid
    header = {"kid": kid, "cat": HANDSHAKE_TOKEN}
    return Unsigned({"handshake": list(directives)}, header, *private_key(kid)).signed()
