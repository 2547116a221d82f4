"""Create and check tokens. No other module of this app imports ``hmac``, ``hashlib`` or ``secrets``.

A token has the form ``<prefix><short>_<long>``. The short part is public and identifies the row. The long part is
secret. There are two constructions:

* *derived* (``DerivedKind``): the long part is an HMAC of the short part under a key outside the database. The token
  is not stored and can be computed again. A forged token is refused without a query.
* *random* (``RandomKind``, ``new_api_key``): shown once; the row stores only a digest.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sessions_core.conf import settings

__all__ = [
    "DerivedKey",
    "DerivedKind",
    "Presented",
    "RandomKind",
    "current_key_id",
    "digest",
    "is_api_key",
    "matches",
    "new_api_key",
    "new_webhook_secret",
    "pseudonym",
    "pseudonyms",
    "random_text",
    "short_of",
    "token_key_ids",
    "webhook_signature",
    "with_newest_key",
]

# Base58 in the Bitcoin order: without 0, O, I and l, which are easy to confuse.
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# 24 characters of base58 carry 140 bits.
LONG_LENGTH = 24

# The long part is written two characters at a time, the last ones first.
_PAIRS = [first + second for second in ALPHABET for first in ALPHABET]
_LONG_NUMBERS = len(ALPHABET) ** LONG_LENGTH

# Maximum number of keys that one row refers to, each by an id of 8 characters.
MOST_KEYS = 8
KEY_IDS_LENGTH = 8 * MOST_KEYS + MOST_KEYS - 1

# SDKs accept only keys with this prefix. The next characters tell them the kind of token.
PREFIX = "seam_"
_OTHER_KINDS = ("at", "cst", "pk")

_API_KEY = re.compile(f"{PREFIX}(?P<short>[{ALPHABET}]{{8}})_[{ALPHABET}]{{{LONG_LENGTH}}}")

_WEBHOOK_SECRET = "whsec_"


@dataclass(frozen=True)
class Presented:
    """A derived token with a correct HMAC: the short part of its row, and the id of its key."""

    short: str
    key_id: str


@dataclass(frozen=True)
class DerivedKind:
    """One kind of derived token. ``prefix`` is part of the HMAC input."""

    prefix: str
    short_length: int = 8

    def new_short(self) -> str:
        return random_text(self.short_length)

    def token(self, short: str, key_ids: str) -> str:
        """Return the token of the row with ``short`` and ``key_ids``.

        If none of the keys of the row is configured any more, the token is derived from the newest key; the earlier
        tokens of the row are invalid.
        """
        keys = _keys_by_id()
        return f"{self.prefix}{short}_{self._long(short, keys[_current(key_ids, keys)])}"

    def check(self, presented: str) -> Presented | None:
        """Return the row and key of a token, or None if none of our keys made it. No query."""
        short, _, long = presented.removeprefix(self.prefix).partition("_")
        if not presented.startswith(self.prefix) or len(short) != self.short_length or not presented.isascii():
            return None
        for key_id, key in _keys_by_id().items():
            if hmac.compare_digest(self._long(short, key), long):
                return Presented(short=short, key_id=key_id)
        return None

    def agrees(self, presented: Presented, key_ids: str) -> bool:
        """Return True if the row uses the key of ``presented``. A leaked old key cannot forge tokens of newer rows."""
        return presented.key_id in key_ids.split() or presented.key_id == current_key_id(key_ids)

    def _long(self, short: str, key: bytes) -> str:
        number = int.from_bytes(hmac.digest(key, f"{self.prefix}|{short}".encode(), "sha256")) % _LONG_NUMBERS
        pairs = []
        for _ in range(LONG_LENGTH // 2):
            number, index = divmod(number, len(_PAIRS))
            pairs.append(_PAIRS[index])
        return "".join(pairs)


@dataclass(frozen=True)
class RandomKind:
    """One kind of random token. The row stores the short part and a digest of the whole token."""

    prefix: str
    short_length: int = 8

    def new(self) -> str:
        return f"{self.prefix}{random_text(self.short_length)}_{random_text(LONG_LENGTH)}"

    def short_of(self, text: str) -> str:
        """Return the public part, or an empty string if the text is not a token of this kind."""
        form = re.fullmatch(f"{self.prefix}([{ALPHABET}]{{{self.short_length}}})_[{ALPHABET}]{{{LONG_LENGTH}}}", text)
        return form[1] if form else ""


@dataclass(frozen=True)
class DerivedKey:
    """A key for one purpose, derived from each of the TOKEN_KEYS, for tokens in a standard format such as JWT."""

    purpose: str

    def current(self, key_id: str) -> tuple[str, bytes]:
        """Return the id and the key of a row, or of the newest key if the key of the row was removed."""
        keys = _keys_by_id()
        current = _current(key_id, keys)
        return current, self._derive(keys[current])

    def get(self, key_id: str) -> bytes | None:
        """Return the key with this id, or None if it was removed."""
        key = _keys_by_id().get(key_id)
        return None if key is None else self._derive(key)

    def _derive(self, key: bytes) -> bytes:
        return hmac.digest(key, f"key|{self.purpose}".encode(), "sha256")


def newest_key_id() -> str:
    """Return the id of the key for new tokens: a fingerprint, safe to store."""
    return next(iter(_keys_by_id()))


def token_key_ids() -> list[str]:
    """Return the ids of the TOKEN_KEYS, newest first."""
    return list(_keys_by_id())


def current_key_id(key_ids: str) -> str:
    """Return the id of the key of the current token of a row with these ids."""
    return _current(key_ids, _keys_by_id())


def with_newest_key(key_ids: str) -> str:
    """Return the ids with the newest key in front, so that the next token is derived from it.

    The other ids stay while their keys are configured, so tokens that were issued before keep working.
    """
    keys = _keys_by_id()
    ids = [next(iter(keys)), *(id for id in key_ids.split() if id in keys)]
    return " ".join(list(dict.fromkeys(ids))[:MOST_KEYS])


def new_api_key(*, sandbox: bool) -> str:
    """Return a new secret key, in a form that the SDKs of both dialects accept: ``<prefix>[test]<short>_<long>``."""
    short = f"test{random_text(4)}" if sandbox else random_text(8)
    while not sandbox and short.startswith((*_OTHER_KINDS, "test")):
        short = random_text(8)
    return f"{PREFIX}{short}_{random_text(LONG_LENGTH)}"


def is_api_key(text: str) -> bool:
    """Return True if the text has the prefix of a secret key, and not of another kind of token."""
    return text.startswith(PREFIX) and not text.startswith(tuple(f"{PREFIX}{kind}" for kind in _OTHER_KINDS))


def short_of(text: str) -> str:
    """Return the public part of a secret key, or an empty string if the text is malformed."""
    form = _API_KEY.fullmatch(text)
    return form["short"] if form and is_api_key(text) else ""


def digest(text: str) -> str:
    """Return SHA-256 in hex. Its inputs have full entropy, so no slow derivation is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, expected_digest: str) -> bool:
    """Return True if the digest of the text is the expected one. Compares in constant time."""
    return hmac.compare_digest(digest(text), expected_digest)


def pseudonym(purpose: str, value: str) -> str:
    """Return a text that stands for a value: ``<key id>:<32 hex characters>``. Another purpose gives another text.

    It is an HMAC under the newest of the TOKEN_KEYS. After that key is removed, nobody can tell any more which value
    it was, nor that two pseudonyms of different keys stand for the same one.
    """
    return pseudonyms(purpose, value)[0]


def pseudonyms(purpose: str, value: str) -> list[str]:
    """Return the pseudonyms of a value under each of the TOKEN_KEYS, newest first: a row can have any of them."""
    text = f"pseudonym|{purpose}|{value}".encode()
    return [f"{key_id}:{hmac.digest(key, text, 'sha256').hex()[:32]}" for key_id, key in _keys_by_id().items()]


def random_text(length: int) -> str:
    """Return uniform base58 characters from the random generator of the operating system."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_webhook_secret() -> str:
    """Return a new signing secret for webhooks, in the format of Standard Webhooks."""
    return f"{_WEBHOOK_SECRET}{base64.b64encode(secrets.token_bytes(32)).decode()}"


def webhook_signature(secret: str, content: bytes) -> str:
    """Return ``v1,<base64 of HMAC-SHA256>`` (Standard Webhooks 1.0) of ``content``, ``<id>.<seconds>.<body>``."""
    key = base64.b64decode(secret.removeprefix(_WEBHOOK_SECRET))
    return f"v1,{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}"


def _keys_by_id() -> Mapping[str, bytes]:
    return _by_id(tuple(settings.token_keys))


@lru_cache(maxsize=8)
def _by_id(keys: tuple[str, ...]) -> Mapping[str, bytes]:
    return {digest(f"token key id|{key}")[:8]: key.encode() for key in keys}


def _current(key_ids: str, keys: Mapping[str, bytes]) -> str:
    """Return the first of the ids, separated by spaces, whose key is configured, or the newest key id."""
    return next((id for id in key_ids.split() if id in keys), next(iter(keys)))
