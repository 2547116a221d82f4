"""What a handshake carries: the signed cookies of a browser, or a nonce for them."""

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


# SDKs must not take a handshake's token for a session token.
HANDSHAKE_TOKEN = "cl_I7d4PD111III"
HANDSHAKE_KEY = DerivedKey("handshake nonce")


def handshake_nonce(facts: Mapping[str, Any], *, expire_at: datetime) -> str:
    """What an app's server exchanges, once and with its secret key, for the cookies of a browser. It opens nothing
    without that key."""
    key_id, key = HANDSHAKE_KEY.current("")
    claims = {**facts, "jti": new_token_id(), "exp": int(expire_at.timestamp())}
    return jwt.encode(claims, key, OWN_ALGORITHM, {"kid": key_id})


def read_handshake_nonce(text: str) -> dict[str, Any] | None:
    """What a nonce says, if one of our keys made it, whether or not its time is over."""
    parts = own_parts(text, HANDSHAKE_KEY)
    return None if parts is None else parts.payload


def handshake_token(workspace: Workspace, directives: Sequence[str], *, at: datetime) -> str:
    """The cookies of a browser on the way to an app's server, signed with the workspace's key."""
    kid = SigningKey.objects.current(workspace, at=at).kid
    header = {"kid": kid, "cat": HANDSHAKE_TOKEN}
    return Unsigned({"handshake": list(directives)}, header, *private_key(kid)).signed()
