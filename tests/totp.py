"""The codes of an authenticator app (RFC 6238): 6 digits by HMAC-SHA-1, a new one every 30 seconds."""

import hmac
import time
from base64 import b32decode

__all__ = ["SECRET", "code_of"]

# In base32, as an app stores it; 20 bytes.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def code_of(secret: str = SECRET, *, later: int = 0) -> str:
    """Return the code of now, or of ``later`` periods from now."""
    counter = int(time.time()) // 30 + later
    digest = hmac.digest(b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"
