"""Secrets that must be read again, encrypted with AES-GCM under keys that stay outside the database.

A sealed secret opens only in the place it was sealed for: its workspace and row are the associated data, so a
ciphertext copied to another row is refused.
"""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sessions_core.conf import settings

__all__ = ["CannotOpen", "is_sealed_with_newest", "open_sealed", "seal"]

# version (1 byte) | key id (4) | nonce (12) | ciphertext and tag
_VERSION = b"\x01"
_KEY_ID = slice(1, 5)
_NONCE = slice(5, 17)


class CannotOpen(Exception):
    """None of the ENCRYPTION_KEYS opens this secret in this place."""


def seal(secret: bytes, *, place: str) -> bytes:
    """Encrypt with the newest key. ``place`` names workspace and row: ``"<workspace id>|<row id>"``."""
    key_id, key = _ring()[0]
    nonce = os.urandom(12)
    return _VERSION + key_id + nonce + AESGCM(key).encrypt(nonce, secret, place.encode())


def open_sealed(sealed: bytes, *, place: str) -> bytes:
    """Decrypt what ``seal`` made for the same place. Raises CannotOpen."""
    key = dict(_ring()).get(sealed[_KEY_ID])
    if key is None or sealed[:1] != _VERSION:
        raise CannotOpen("it was sealed with a key that is not among SESSIONS_CORE['ENCRYPTION_KEYS']")
    try:
        return AESGCM(key).decrypt(sealed[_NONCE], sealed[_NONCE.stop :], place.encode())
    except InvalidTag:
        raise CannotOpen("it was altered, or sealed for another row") from None


def is_sealed_with_newest(sealed: bytes) -> bool:
    """Whether a rotation of the keys has nothing left to do here."""
    return sealed[_KEY_ID] == _ring()[0][0]


def _ring() -> list[tuple[bytes, bytes]]:
    return [_derive(key) for key in settings.encryption_keys]


@lru_cache(maxsize=16)
def _derive(key: str) -> tuple[bytes, bytes]:
    """Key id and AES key of a configured key, which may be any text of enough entropy (RFC 5869)."""
    derived = HKDF(algorithm=SHA256(), length=36, salt=None, info=b"gatepass sealed secrets").derive(key.encode())
    return derived[:4], derived[4:]
