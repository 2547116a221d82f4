"""Names of cookies that carry tokens."""

import hashlib
from base64 import urlsafe_b64encode

__all__ = ["cookie_suffix"]


def cookie_suffix(publishable_key: str) -> str:
    """Return the suffix of cookie names in SDKs, which separates two applications on one host."""
    return urlsafe_b64encode(hashlib.sha1(publishable_key.encode(), usedforsecurity=False).digest())[:8].decode()
