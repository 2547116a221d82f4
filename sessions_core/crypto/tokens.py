"""How a token is made and checked. No other module of this app touches ``hmac``, ``hashlib`` or ``secrets``.

A token reads ``<prefix><short>_<long>``. The short part is public: it finds the row. The long part is the secret,
and comes in two constructions:

* *derived* (``DerivedKind``): the long part is an HMAC of the short part under a key outside the database. The token
  can be shown again though nothing of it is stored, and a forgery is refused by arithmetic, without a query.
* *random* (``RandomKind``, ``new_api_key``): shown once; the row keeps a digest only.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

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
    "random_text",
    "short_of",
    "token_key_ids",
    "webhook_signature",
    "with_newest_key",
]

# Base58 in the Bitcoin order: no 0, O, I or l to misread.
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# 24 characters of base58 carry 140 bits.
LONG_LENGTH = 24

# Keys that one row may name, each by an id of 8 characters.
MOST_KEYS = 8
KEY_IDS_LENGTH = 8 * MOST_KEYS + MOST_KEYS - 1

# SDKs accept no key without this prefix, and tell the kinds of token apart by what follows it.
PREFIX = "seam_"
_OTHER_KINDS = ("at", "cst", "pk")

_API_KEY = re.compile(f"{PREFIX}(?P<short>[{ALPHABET}]{{8}})_[{ALPHABET}]{{{LONG_LENGTH}}}")

_WEBHOOK_SECRET = "whsec_"


@dataclass(frozen=True)
class Presented:
    """A derived token whose arithmetic is right: where its row is, and which key made it."""

    short: str
    key_id: str


@dataclass(frozen=True)
class DerivedKind:
    """One kind of derived token. ``prefix`` names the kind and takes part in the derivation."""

    prefix: str
    short_length: int = 8

    def new_short(self) -> str:
        return random_text(self.short_length)

    def token(self, short: str, key_ids: str) -> str:
        """Return the whole token of the row that stores ``short`` and ``key_ids``.

        If every key of the row has been withdrawn, the newest key takes over: the row gets a fresh token and the old
        ones are dead.
        """
        keys = _keys_by_id()
        return f"{self.prefix}{short}_{self._long(short, keys[_current(key_ids, keys)])}"

    def check(self, presented: str) -> Presented | None:
        """Which row the token claims, if one of our keys made it; no query needed to refuse the rest."""
        short, _, long = presented.removeprefix(self.prefix).partition("_")
        if not presented.startswith(self.prefix) or len(short) != self.short_length or not presented.isascii():
            return None
        for key_id, key in _keys_by_id().items():
            if hmac.compare_digest(self._long(short, key), long):
                return Presented(short=short, key_id=key_id)
        return None

    def agrees(self, presented: Presented, key_ids: str) -> bool:
        """Return True if the row names the key of ``presented``: a leaked old key forges nothing for new rows."""
        return presented.key_id in (_current(key_ids, _keys_by_id()), *key_ids.split())

    def _long(self, short: str, key: bytes) -> str:
        number = int.from_bytes(hmac.digest(key, f"{self.prefix}|{short}".encode(), "sha256"))
        characters = []
        for _ in range(LONG_LENGTH):
            number, index = divmod(number, len(ALPHABET))
            characters.append(ALPHABET[index])
        return "".join(characters)


@dataclass(frozen=True)
class RandomKind:
    """One kind of random token: its row keeps the short part and a digest of the whole."""

    prefix: str
    short_length: int = 8

    def new(self) -> str:
        return f"{self.prefix}{random_text(self.short_length)}_{random_text(LONG_LENGTH)}"

    def short_of(self, text: str) -> str:
        """The public part, empty if the text has not the form of this kind."""
        form = re.fullmatch(f"{self.prefix}([{ALPHABET}]{{{self.short_length}}})_[{ALPHABET}]{{{LONG_LENGTH}}}", text)
        return form[1] if form else ""


@dataclass(frozen=True)
class DerivedKey:
    """One key for one purpose, under each of the TOKEN_KEYS: for tokens whose form belongs to somebody else."""

    purpose: str

    def current(self, key_id: str) -> tuple[str, bytes]:
        """The id that a row's key counts as, and the key; the newest where the row's was withdrawn."""
        keys = _keys_by_id()
        current = _current(key_id, keys)
        return current, self._derive(keys[current])

    def get(self, key_id: str) -> bytes | None:
        """The key of this id, None if there is none any more."""
        key = _keys_by_id().get(key_id)
        return None if key is None else self._derive(key)

    def _derive(self, key: bytes) -> bytes:
        return hmac.digest(key, f"key|{self.purpose}".encode(), "sha256")


def newest_key_id() -> str:
    """The id of the key that new tokens are derived from: a fingerprint, safe to store."""
    return next(iter(_keys_by_id()))


def token_key_ids() -> list[str]:
    """Return the ids of the TOKEN_KEYS, newest first."""
    return list(_keys_by_id())


def current_key_id(key_ids: str) -> str:
    """Return the id of the key that the present token of a row with these ids is derived from."""
    return _current(key_ids, _keys_by_id())


def with_newest_key(key_ids: str) -> str:
    """Return the ids with the newest key in front, so that the next token is derived from it.

    The other ids stay while their keys do: tokens that were handed out go on working.
    """
    keys = _keys_by_id()
    ids = [next(iter(keys)), *(id for id in key_ids.split() if id in keys)]
    return " ".join(list(dict.fromkeys(ids))[:MOST_KEYS])


def new_api_key(*, sandbox: bool) -> str:
    """Return a fresh secret key, in a form that the SDKs of both dialects accept: ``<prefix>[test]<short>_<long>``."""
    short = f"test{random_text(4)}" if sandbox else random_text(8)
    while not sandbox and short.startswith((*_OTHER_KINDS, "test")):
        short = random_text(8)
    return f"{PREFIX}{short}_{random_text(LONG_LENGTH)}"


def is_api_key(text: str) -> bool:
    """Whether the text has the form of a secret key, and of no other kind of token."""
    return text.startswith(PREFIX) and not text.startswith(tuple(f"{PREFIX}{kind}" for kind in _OTHER_KINDS))


def short_of(text: str) -> str:
    """The public part of a secret key, empty if the text has not the form of one."""
    form = _API_KEY.fullmatch(text)
    return form["short"] if form and is_api_key(text) else ""


def digest(text: str) -> str:
    """SHA-256 in hex. The keys it is used for have full entropy, so no slow derivation is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, expected_digest: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(digest(text), expected_digest)


def random_text(length: int) -> str:
    """Uniform base58 characters from the operating system's generator."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_webhook_secret() -> str:
    """A fresh key for the signatures of webhooks, in the form of Standard Webhooks."""
    return f"{_WEBHOOK_SECRET}{base64.b64encode(secrets.token_bytes(32)).decode()}"


def webhook_signature(secret: str, content: bytes) -> str:
    """``v1,<base64 of HMAC-SHA256>`` (Standard Webhooks 1.0). ``content`` is ``<id>.<seconds>.<body>``."""
    key = base64.b64decode(secret.removeprefix(_WEBHOOK_SECRET))
    return f"v1,{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}"


def _keys_by_id() -> dict[str, bytes]:
    return {digest(f"token key id|{key}")[:8]: key.encode() for key in settings.token_keys}


def _current(key_ids: str, keys: dict[str, bytes]) -> str:
    """The first of the ids, separated by blanks, whose key is still there; the newest key if none is."""
    return next((id for id in key_ids.split() if id in keys), next(iter(keys)))
