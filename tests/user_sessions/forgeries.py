"""Forged client tokens, made from a valid one."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt

from user_sessions.tokens.client_tokens import CLIENT_KEY


def encoded(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def our_key(token: str) -> bytes:
    """Return the key that signed the token, which an attacker does not have but a bug could misuse."""
    return CLIENT_KEY.get(jwt.get_unverified_header(token)["kid"]) or b""


def signed(header: Any, payload: Any, key: bytes, digest: str = "sha256") -> str:
    text = f"{encoded(header)}.{encoded(payload)}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), digest))}"


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, payload, signature = token.split(".")
    return json.loads(decoded(header)), json.loads(decoded(payload)), signature


def swapped(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def resigned(**how: Any) -> Callable[[str], str]:
    """Change members of header or payload and sign with our own key."""

    def change(token: str) -> str:
        header, payload, _ = parts_of(token)
        header |= how.get("header", {})
        key = how.get("key") or our_key(token)
        return signed(header, payload | how.get("payload", {}), key, how.get("digest", "sha256"))

    return change


def unsigned(**members: Any) -> Callable[[str], str]:
    """Change the header and keep the signature."""
    return lambda token: f"{encoded(parts_of(token)[0] | members)}.{token.partition('.')[2]}"


def twice(member: str) -> Callable[[str], str]:
    """Repeat a member of the payload; the second value is correct."""

    def change(token: str) -> str:
        header, payload, _ = parts_of(token)
        raw = json.dumps({member: "x"})[:-1] + "," + json.dumps(payload)[1:]
        return signed(header, raw.encode(), our_key(token))

    return change


def second_spelling(token: str) -> str:
    """Change unused bits in the last character of the signature."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = token[:-1] + letters[letters.index(token[-1]) ^ 1]
    assert decoded(other.split(".")[2]) == decoded(token.split(".")[2])
    return other


FORGERIES: dict[str, Callable[[str], str]] = {
    "cut off": lambda token: token[:-1],
    "longer": lambda token: token + "A",
    "without signature": lambda token: token.rpartition(".")[0] + ".",
    "of two parts": lambda token: token.rpartition(".")[0],
    "of four parts": lambda token: token + ".AAAA",
    "another header": lambda token: swapped(token, 5),
    "another payload": lambda token: swapped(token, token.index(".") + 9),
    "another signature": lambda token: swapped(token, token.rindex(".") + 4),
    "another client": lambda token: ".".join(
        [token.split(".")[0], encoded(parts_of(token)[1] | {"id": "client_" + "1" * 27}), token.split(".")[2]]
    ),
    "another key": resigned(key=b"another key, of thirty-two bytes."),
    "an empty key": lambda token: f"{token.rpartition('.')[0]}.{encoded(hmac.digest(b'', b'', 'sha256'))}",
    "the id of the key for a key": lambda token: resigned(key=parts_of(token)[0]["kid"].encode())(token),
    "alg none": lambda token: unsigned(alg="none")(token).rpartition(".")[0] + ".",
    "alg none, signed": resigned(header={"alg": "none"}),
    "alg None in capitals": resigned(header={"alg": "NONE"}),
    "alg in lower case": resigned(header={"alg": "hs256"}),
    "alg HS512": resigned(header={"alg": "HS512"}, digest="sha512"),
    "alg HS384": resigned(header={"alg": "HS384"}, digest="sha384"),
    "alg RS256": resigned(header={"alg": "RS256"}),
    "alg a list": resigned(header={"alg": ["HS256"]}),
    "alg null": resigned(header={"alg": None}),
    "another kid": resigned(header={"kid": "00000000"}),
    "kid missing": resigned(header={"kid": ""}),
    "kid a number": resigned(header={"kid": 1}),
    "kid a path": resigned(header={"kid": "../../dev/null"}),
    "kid NUL": resigned(header={"kid": "\x00"}),
    "crit": resigned(header={"crit": ["b64"]}),
    "b64": resigned(header={"b64": False}),
    "a key of its own": unsigned(jwk={"kty": "oct", "k": "AAAA"}),
    "an extra member, unsigned": unsigned(typ="client"),
    "another generation": resigned(payload={"rotating_token": "1" * 10}),
    "no generation": resigned(payload={"rotating_token": ""}),
    "generation null": resigned(payload={"rotating_token": None}),
    "generation a list": resigned(payload={"rotating_token": []}),
    "the id twice": twice("id"),
    "the generation twice": twice("rotating_token"),
    "padded": lambda token: token + "=",
    "padded inside": lambda token: token.replace(".", "=.", 1),
    "a second spelling": second_spelling,
    "in capitals": str.upper,
    "in lower case": str.lower,
    "a space inside": lambda token: token.replace(".", " .", 1),
    "a line break inside": lambda token: token.replace(".", "\n.", 1),
    "a no-break space after": lambda token: token + "\xa0",
    "quoted": lambda token: f'"{token}"',
    "percent-encoded": lambda token: token.replace(".", "%2E"),
    "letters that only look alike": lambda token: token.replace("e", "е", 1).encode().decode("latin-1"),
    "its own id": lambda token: str(parts_of(token)[1]["id"]),
    "very long": lambda token: token + "A" * 20_000,
    "null": lambda token: "null",
}
