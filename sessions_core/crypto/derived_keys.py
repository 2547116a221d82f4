"""Keys derived from Django's SECRET_KEY, for a project that sets none of its own (HKDF-SHA256, RFC 5869)."""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

__all__ = ["derived_key"]


def derived_key(secret_key: str | bytes, name: str) -> str:
    """Return the key that ``SESSIONS_CORE[name]`` has while it is not set. It differs for each name.

    List it in that setting, as ``derived_key(SECRET_KEY, "TOKEN_KEYS")``, to use keys of your own without a loss.
    """
    return _derive(force_bytes(secret_key), name)


def derived_keys(name: str) -> list[str]:
    """Return a key for SECRET_KEY, and one for each of the SECRET_KEY_FALLBACKS as older keys."""
    secrets = [force_bytes(each) for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return [_derive(secret, name) for secret in dict.fromkeys(secrets) if secret]  # anyone can derive from an empty one


@lru_cache(maxsize=32)
def _derive(secret_key: bytes, name: str) -> str:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"gatepass derived key|{name}".encode())
    return urlsafe_b64encode(hkdf.derive(secret_key)).decode()
