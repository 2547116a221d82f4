"""A verifier checks the signature of a token once, and everything else each time that the token comes."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.embedded import embedded
from tests.user_sessions.test_verify import ISSUER, JWKS, NOW, token
from user_sessions.verify import (
    BadSignature,
    Expired,
    KeySet,
    Malformed,
    NotYetValid,
    PendingSession,
    TokenRejected,
    UnknownKey,
    VerificationKey,
    Verifier,
    WrongAudience,
    WrongParty,
)
from user_sessions.verify import verified_tokens as module

pytestmark = embedded

PAGE = "https://app.example.com"


@dataclass
class Keys:
    """A source of keys that can be replaced."""

    current: KeySet = field(default_factory=lambda: KeySet.from_jwks(JWKS))

    def key_for(self, kid: str | None) -> VerificationKey | None:
        return self.current.key_for(kid)


@pytest.fixture
def checked(monkeypatch) -> list[bytes]:
    """Return the list of the signatures that were checked."""
    checked: list[bytes] = []
    check = VerificationKey.has_signed
    monkeypatch.setattr(VerificationKey, "has_signed", lambda *args: checked.append(args[-1]) or check(*args))
    return checked


@pytest.fixture
def verifier() -> Verifier:
    return Verifier(keys=Keys(), issuer=ISSUER)


def test_the_signature_of_a_token_is_checked_once(verifier, checked):
    text = token()
    assert verifier.verify(text, at=NOW) == verifier.verify(text, at=NOW)
    assert len(checked) == 1


def test_another_token_is_checked_too(verifier, checked):
    assert [verifier.verify(token(jti=jti), at=NOW).token_id for jti in ("a", "b")] == ["a", "b"]
    assert len(checked) == 2


@pytest.mark.parametrize(("offset", "refused"), [(65, Expired), (64, None), (-5, None), (-6, NotYetValid)])
def test_the_time_is_checked_each_time(verifier, offset, refused):
    text, at = token(), NOW + timedelta(seconds=offset)
    verifier.verify(text, at=NOW)
    if refused is None:
        assert verifier.verify(text, at=at)
    else:
        with pytest.raises(refused):
            verifier.verify(text, at=at)


@pytest.mark.parametrize(
    ("options", "claims", "refused"),
    [
        ({"authorized_parties": [PAGE]}, {"azp": "https://evil.example.com"}, WrongParty),
        ({"authorized_parties": [PAGE]}, {}, WrongParty),
        ({"audience": "shop"}, {"aud": "another"}, WrongAudience),
        ({}, {"aud": "shop"}, WrongAudience),
        ({}, {"sts": "pending"}, PendingSession),
    ],
)
def test_a_token_that_is_authentic_is_refused_each_time(checked, options, claims, refused):
    verifier, text = Verifier(keys=Keys(), issuer=ISSUER, **options), token(**claims)
    assert verifier.authentic(text)
    for _ in range(2):
        with pytest.raises(refused):
            verifier.verify(text, at=NOW)
    assert len(checked) == 1


def test_a_token_of_a_key_that_is_no_longer_trusted_is_refused(verifier):
    text = token()
    verifier.verify(text, at=NOW)
    verifier.keys.current = KeySet({})
    with pytest.raises(UnknownKey):
        verifier.verify(text, at=NOW)


def test_a_token_is_checked_again_with_keys_that_were_read_again(verifier, checked):
    text = token()
    verifier.verify(text, at=NOW)
    verifier.keys.current = KeySet.from_jwks(JWKS)
    assert verifier.verify(text, at=NOW)
    assert len(checked) == 2


def test_a_token_of_another_key_with_the_same_id_is_refused(verifier):
    text = token()
    verifier.verify(text, at=NOW)
    other = verifier.keys.current.by_kid["ES256"]
    verifier.keys.current = KeySet({"RS256": other})
    with pytest.raises(TokenRejected):
        verifier.verify(text, at=NOW)


def test_a_refused_token_is_refused_again(verifier, checked):
    text = token()
    forged = f"{text[:-4]}{'AAAA' if text[-4:] != 'AAAA' else 'BBBB'}"
    verifier.verify(text, at=NOW)
    for _ in range(2):
        with pytest.raises(BadSignature):
            verifier.verify(forged, at=NOW)
    assert len(checked) == 3


@pytest.mark.parametrize("text", ["\ud800", "é.é.é", "x" * 20_000, b"a.b.c", None, ["a.b.c"]])
def test_what_cannot_be_a_token_is_malformed(verifier, text):
    with pytest.raises(Malformed):
        verifier.verify(text, at=NOW)


def test_a_caller_cannot_change_the_claims_of_the_next_one(verifier):
    text = token(act={"sub": "user_2", "roles": ["a"]}, role={"x": [{"y": 1}]})
    first: Any = verifier.verify(text, at=NOW)
    before = json.dumps(first.claims)
    first.claims["sub"] = "root"
    first.claims["fva"][0] = 0
    first.impersonator["roles"].append("admin")
    first.claims["role"]["x"][0]["y"] = 2
    second = verifier.verify(text, at=NOW)
    assert json.dumps(second.claims) == before
    assert second.impersonator == json.loads(before)["act"]


def test_a_limited_number_of_tokens_is_remembered_the_latest_used_ones(verifier, checked, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    a, b, c = (token(jti=jti) for jti in "abc")
    for text in (a, b, a, c):
        verifier.verify(text, at=NOW)
    assert len(checked) == 3
    verifier.verify(a, at=NOW)
    assert len(checked) == 3
    verifier.verify(b, at=NOW)
    assert len(checked) == 4


def test_a_verifier_remembers_the_digest_of_a_token_and_not_its_text(verifier):
    text = token()
    verifier.verify(text, at=NOW)
    remembered = repr(vars(verifier._verified))
    assert "user_1" in remembered
    assert text.rpartition(".")[2] not in remembered


def test_threads_share_a_verifier(verifier, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    texts = [token(jti=str(number), by="ES256") for number in range(6)]

    def verify(number: int) -> bool:
        return verifier.verify(texts[number % 6], at=NOW).token_id == str(number % 6)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(verify, range(600)))
