"""Forged and modified tokens: each is rejected with a reason, and nothing is fetched."""

import hmac
import json
import socket
from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.utils import base64url_decode, base64url_encode

from tests.embedded import embedded
from tests.fuzz import fuzz, texts, values
from tests.user_sessions.test_verify import (
    CLAIMS,
    OURS,
    PRIVATE,
    jwk,
    pem,
    refusal,
    seal,
    sign,
    token,
    verify,
)
from user_sessions.verify import (
    BadSignature,
    KeySet,
    Malformed,
    TokenRejected,
    UnknownKey,
    WrongAlgorithm,
    WrongKind,
)

pytestmark = embedded

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TRUE = {algorithm: token(by=algorithm) for algorithm in OURS}
HEADER, PAYLOAD, SIGNATURE = TRUE["RS256"].split(".")
TYPED = b'{"alg":"RS256","typ":"JWT","cat":"cl_B7d4PD111AAA","kid":"RS256"'
EVIL = "https://evil.example/jwks"


@pytest.fixture
def without_network(monkeypatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was used")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


# The key determines the algorithm.


@pytest.mark.parametrize("none", ["".join(letters) for letters in product("nN", "oO", "nN", "eE")])
def test_the_algorithm_none_is_rejected(none):
    text = token({"alg": none})
    assert refusal(text) is WrongAlgorithm
    assert refusal(text.rpartition(".")[0] + ".") is Malformed


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_a_key_verifies_only_its_own_algorithm(algorithm):
    assert refusal(token({"kid": "RS256"}, by=algorithm, key=PRIVATE["RS256"])) is WrongAlgorithm


@pytest.mark.parametrize(
    "algorithm", ["rs256", "RS256 ", "ES384", "ES256K", "Ed25519", "HS256", "", 256, None, ["RS256"], {}, ...]
)
def test_an_algorithm_is_compared_exactly(algorithm):
    assert refusal(token({"alg": algorithm})) is WrongAlgorithm


@pytest.mark.parametrize("kid", OURS)
@pytest.mark.parametrize("named", OURS)
@pytest.mark.parametrize("by", OURS)
def test_algorithm_families_cannot_be_swapped(kid, named, by):
    expected = WrongAlgorithm if named != kid else BadSignature if by != kid else None
    assert refusal(token({"kid": kid, "alg": named}, by=by)) is expected
    keys = KeySet.from_pem(pem(kid), algorithm=kid)
    assert refusal(token({"kid": kid, "alg": named}, by=by), keys=keys) is expected


SPELLINGS = {
    "pem": pem("RS256"),
    "pem without its last newline": pem("RS256").strip(),
    "der": PRIVATE["RS256"].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "pkcs1": PRIVATE["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1),
    "jwk": json.dumps(jwk("RS256")).encode(),
    "empty": b"",
}


@pytest.mark.parametrize("named", ["HS256", "RS256"])
@pytest.mark.parametrize("secret", SPELLINGS)
def test_a_public_key_is_not_used_as_a_shared_secret(secret, named):
    signed = token({"alg": named}).rpartition(".")[0]
    digest = hmac.digest(SPELLINGS[secret], signed.encode(), "sha256")
    expected = WrongAlgorithm if named == "HS256" else BadSignature
    assert refusal(f"{signed}.{base64url_encode(digest).decode()}") is expected


# The key is from our key set.


STRANGER = rsa.generate_private_key(65537, 2048)
OFFERS = {"jwk": jwk("RS256", STRANGER), "jku": EVIL, "x5u": EVIL, "x5c": ["MIIB"], "x5t": "x"}


@pytest.mark.parametrize("member", OFFERS)
def test_a_key_in_the_token_is_ignored(without_network, member):
    offer = {member: OFFERS[member]}
    assert refusal(token(offer)) is None
    assert refusal(token(offer, key=STRANGER)) is BadSignature
    assert refusal(token({**offer, "kid": "theirs"}, key=STRANGER)) is UnknownKey


NAMES = [
    "../../../../dev/null",
    "/etc/passwd",
    "' OR 1=1 --",
    EVIL,
    "rs256",
    "RS256\x00",
    "x" * 100,
    "",
    "__class__",
    ...,
]


@pytest.mark.parametrize("kid", NAMES)
def test_a_kid_is_only_a_name(without_network, kid):
    assert refusal(token({"kid": kid})) is UnknownKey


@pytest.mark.parametrize("kid", ["x" * 101, 0, 1.5, True, None, ["RS256"], {"RS256": 1}])
def test_a_kid_must_be_a_short_string(kid):
    assert refusal(token({"kid": kid})) is Malformed
    assert refusal(token({"kid": kid}), keys=KeySet.from_pem(pem("RS256"), algorithm="RS256")) is Malformed


# The kind must be a session token.


@pytest.mark.parametrize(
    "cat",
    ["cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_I7d4PD111III", "CL_B7D4PD111AAA", "", None, ["cl_B7d4PD111AAA"], ...],
)
def test_only_the_category_of_session_tokens_is_accepted(cat):
    assert refusal(token({"cat": cat})) is WrongKind


@pytest.mark.parametrize("typ", ["jwt", "at+jwt", "JWT ", "", None, 1, ["JWT"], ...])
def test_only_the_type_jwt_is_accepted(typ):
    assert refusal(token({"typ": typ})) is WrongKind


# The form has one spelling and one meaning.


def nested(lists: int) -> bytes:
    """Return a payload with this many nested lists."""
    return json.dumps(CLAIMS).encode()[:-1] + b',"x":' + b"[" * lists + b"]" * lists + b"}"


BODIES = {
    "duplicate": json.dumps(CLAIMS).encode()[:-1] + b',"sub":"user_2"}',
    "duplicate by escape": json.dumps(CLAIMS).encode()[:-1] + rb',"\u0073ub":"user_2"}',
    "duplicate inside": json.dumps(CLAIMS).encode()[:-1] + b',"x":[{"y":1,"y":1}]}',
    "one level too deep": nested(32),
    "far too deep": nested(5_000),
    "not a number": json.dumps(CLAIMS | {"exp": float("nan")}).encode(),
    "infinity": json.dumps(CLAIMS | {"exp": float("inf")}).encode(),
    "infinite by exponent": json.dumps(CLAIMS).encode()[:-1] + b',"x":1e999}',
    "huge integer": json.dumps(CLAIMS).encode()[:-1] + b',"x":' + b"9" * 5_000 + b"}",
    "half a pair": json.dumps(CLAIMS | {"x": "\ud800"}).encode(),
    "half a pair as name": json.dumps(CLAIMS | {"\udc00": 1}).encode(),
    "half a pair in bytes": json.dumps(CLAIMS).encode()[:-1] + b',"x":"\xed\xa0\x80"}',
    "latin-1": json.dumps(CLAIMS | {"x": "é"}, ensure_ascii=False).encode("latin-1"),
    "utf-16": json.dumps(CLAIMS).encode("utf-16"),
    "byte order mark": json.dumps(CLAIMS).encode("utf-8-sig"),
    "trailing text": json.dumps(CLAIMS).encode() + b"{}",
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "nothing": b" ",
}


@pytest.mark.parametrize("body", BODIES)
def test_a_payload_must_be_one_plain_object(body):
    assert refusal(sign(TYPED + b"}", BODIES[body])) is Malformed


def test_a_payload_may_be_deep_but_not_too_deep():
    assert refusal(sign(TYPED + b"}", nested(31))) is None


@pytest.mark.parametrize(
    "more",
    [
        b',"alg":"RS256"}',
        rb',"\u0061lg":"none"}',
        b',"crit":["exp"]}',
        b',"crit":[]}',
        b',"b64":false,"crit":["b64"]}',
        b',"b64":true}',
        b',"zip":"DEF"}',
        b',"x":NaN}',
        b',"x":"\\ud800"}',
        b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"",
    ],
)
def test_a_header_cannot_change_the_parsing(more):
    assert refusal(sign(TYPED + more, json.dumps(CLAIMS).encode())) is Malformed


def respelled(part: str) -> str:
    """Set unused bits, which a lax decoder ignores."""
    return part[:-1] + ALPHABET[ALPHABET.index(part[-1]) ^ 1] if len(part) % 4 else part + "A"


FORMS = {
    "nothing": "",
    "dots": "..",
    "one part": HEADER,
    "two parts": f"{HEADER}.{PAYLOAD}",
    "no header": f".{PAYLOAD}.{SIGNATURE}",
    "no payload": f"{HEADER}..{SIGNATURE}",
    "no signature": f"{HEADER}.{PAYLOAD}.",
    "four parts": TRUE["RS256"] + ".AA",
    "encrypted": f"{HEADER}.AA.AA.{PAYLOAD}.AA",
    "json": json.dumps({"payload": PAYLOAD, "protected": HEADER, "signature": SIGNATURE}),
    "bearer": "Bearer " + TRUE["RS256"],
    "space before": " " + TRUE["RS256"],
    "space after": TRUE["RS256"] + " ",
    "newline after": TRUE["RS256"] + "\n",
    "newline inside": f"{HEADER}.{PAYLOAD}\n.{SIGNATURE}",
    "null after": TRUE["RS256"] + "\x00",
    "padded signature": TRUE["RS256"] + "==",
    "padded payload": seal(f"{HEADER}.{PAYLOAD}="),
    "respelled header": seal(f"{respelled(HEADER)}.{PAYLOAD}"),
    "respelled payload": seal(f"{HEADER}.{respelled(PAYLOAD)}"),
    "respelled signature": f"{HEADER}.{PAYLOAD}.{respelled(SIGNATURE)}",
    "standard base64": f"{HEADER}.{PAYLOAD}+/.{SIGNATURE}",
    "wide letters": TRUE["RS256"].replace("e", "ｅ", 1),
    "too long": token(x="x" * 16 * 1024),
    "far too long": "A" * 10_000_000,
    "bytes": TRUE["RS256"].encode(),
    "number": 1,
    "none": None,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_token_has_one_spelling(form):
    assert refusal(FORMS[form]) is Malformed


@pytest.mark.parametrize("algorithm", OURS)
def test_no_character_may_change(algorithm):
    text = TRUE[algorithm]
    for place in {*range(0, len(text), 23), *range(len(text) - 3, len(text)), text.index("."), text.rindex(".")}:
        for other in set(ALPHABET + ".=+ é") - {text[place]}:
            with pytest.raises(TokenRejected):
                verify(text[:place] + other + text[place + 1 :])


@fuzz
@given(text=texts | st.text() | st.from_regex(r"[\w-]*(\.[\w-]*){2}", fullmatch=True))
def test_any_text_raises_only_token_rejected(text):
    with pytest.raises(TokenRejected):
        verify(text)


@fuzz
@given(header=st.binary(max_size=60) | values.map(json.dumps).map(str.encode), payload=st.binary(max_size=60))
def test_any_bytes_with_a_valid_signature_are_rejected(header, payload):
    with pytest.raises(TokenRejected):
        verify(sign(header, payload))


def test_an_error_does_not_quote_the_token():
    with pytest.raises(Malformed, match=r"^malformed$") as refused:
        verify(sign(TYPED + b"}", b"hunter2"))
    assert refused.value.__suppress_context__


def test_an_elliptic_signature_has_a_twin_so_the_text_of_a_token_identifies_nothing():
    signed, _, signature = TRUE["ES256"].rpartition(".")
    raw = base64url_decode(signature)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    assert verify(f"{signed}.{base64url_encode(twin).decode()}").token_id == verify(TRUE["ES256"]).token_id
