"""AES-GCM encryption of secrets that must be read again. The keys are not in the database.

The workspace and the row of a secret are associated data, so a ciphertext that was copied to another row cannot be
decrypted.
"""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sessions_core.conf import settings
from sessions_core.crypto.derived_keys import derived_keys

__all__ = ["CannotOpen", "is_sealed_with_newest", "open_sealed", "seal"]

# version (1 byte) | key id (4) | nonce (12) | ciphertext and tag
_VERSION = b"\x01"
_KEY_ID = slice(1, 5)
_NONCE = slice(5, 17)


class CannotOpen(Exception):
    """Raised if neither the ENCRYPTION_KEYS nor the keys of SECRET_KEY can decrypt a secret in this row."""


def seal(secret: bytes, *, place: str) -> bytes:
    """Encrypt with the newest key. ``place`` is ``"<workspace id>|<row id>"``."""
    key_id, key = _newest()
    nonce = os.urandom(12)
    return _VERSION + key_id + nonce + AESGCM(key).encrypt(nonce, secret, place.encode())


def open_sealed(sealed: bytes, *, place: str) -> bytes:
    """Decrypt a result of ``seal`` for the same place. Raise CannotOpen."""
    key = _keys_by_id().get(sealed[_KEY_ID])
    if key is None or sealed[:1] != _VERSION:
        raise CannotOpen("its key is neither in SESSIONS_CORE['ENCRYPTION_KEYS'] nor derived from SECRET_KEY")
    try:
        return AESGCM(key).decrypt(sealed[_NONCE], sealed[_NONCE.stop :], place.encode())
    except InvalidTag:
        raise CannotOpen("it was changed, or encrypted for another row") from None


def is_sealed_with_newest(sealed: bytes) -> bool:
    """Return True if the secret is encrypted with the newest key."""
    return sealed[_KEY_ID] == _newest()[0]


def _newest() -> tuple[bytes, bytes]:
    return _derive(settings.encryption_keys[0])


def _keys_by_id() -> dict[bytes, bytes]:
    """Return the keys that decrypt. Those of SECRET_KEY stay, so that setting ENCRYPTION_KEYS loses no secret."""
    return dict(map(_derive, [*settings.encryption_keys, *derived_keys("ENCRYPTION_KEYS")]))


@lru_cache(maxsize=16)
def _derive(key: str) -> tuple[bytes, bytes]:
    """Return the key id and the AES key of a configured key, a text of enough entropy (RFC 5869)."""
    derived = HKDF(algorithm=SHA256(), length=36, salt=None, info=b"gatepass sealed secrets").derive(key.encode())
    return derived[:4], derived[4:]
