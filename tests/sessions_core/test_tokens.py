"""Tokens are created and checked."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_core.crypto import tokens
from sessions_core.models.api_keys import PUBLISHABLE_TOKEN

KIND = tokens.DerivedKind("seam_cst1")
OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture
def keys(settings):
    """Set the token keys, newest first."""

    def set_keys(*keys: str) -> None:
        settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"TOKEN_KEYS": list(keys)}

    set_keys(NEW)
    return set_keys


def made_now() -> tuple[str, str, str]:
    short, key_id = KIND.new_short(), tokens.newest_key_id()
    return KIND.token(short, key_id), short, key_id


def test_a_token_names_its_row_and_its_key(keys):
    token, short, key_id = made_now()
    assert KIND.check(token) == tokens.Presented(short=short, key_id=key_id)


def test_an_independent_implementation_derives_the_same_token(keys):
    import hashlib
    import hmac

    number = int.from_bytes(hmac.new(NEW.encode(), b"seam_cst1|abcdefgh", hashlib.sha256).digest(), "big")
    long = ""
    for _ in range(24):
        number, digit = divmod(number, 58)
        long += "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit]
    assert KIND.token("abcdefgh", tokens.newest_key_id()) == f"seam_cst1abcdefgh_{long}"


def mutations(token: str) -> list[str]:
    """Return texts that differ slightly from a token."""
    flipped = [token[:i] + ("x" if token[i] != "x" else "y") + token[i + 1 :] for i in range(len(token))]
    return [
        *flipped,
        *(token[:i] for i in range(len(token))),
        *(token[i:] for i in range(1, len(token))),
        token.upper(),
        token.lower(),
        f" {token}",
        f"{token} ",
        f"{token}\n",
        f"{token}\x00",
        token * 2,
        token.replace("_", "__", 1),
        token.replace("seam", "ｓeam"),
        base64.b64encode(token.encode()).decode(),
        "",
    ]


def test_every_mutation_of_a_token_is_refused(keys):
    token, *_ = made_now()
    assert [text for text in mutations(token) if KIND.check(text)] == []


@given(st.text())
def test_any_text_is_refused_without_an_error(text):
    assert KIND.check(text) is None
    assert tokens.short_of(text) == "" or text.startswith("seam_")


def test_a_token_of_one_kind_is_not_accepted_as_another(keys):
    derived, *_ = made_now()
    publishable = PUBLISHABLE_TOKEN.new()
    for sandbox in (True, False):
        secret = tokens.new_api_key(sandbox=sandbox)
        assert KIND.check(secret) is None and PUBLISHABLE_TOKEN.short_of(secret) == ""
    assert PUBLISHABLE_TOKEN.short_of(derived) == "" and KIND.check(publishable) is None
    assert tokens.short_of(derived) == tokens.short_of(publishable) == ""


def test_a_live_key_does_not_look_like_another_kind():
    for _ in range(3000):
        key = tokens.new_api_key(sandbox=False)
        assert not key.startswith(("seam_at", "seam_cst", "seam_pk", "seam_test"))
        assert tokens.short_of(key)


def test_characters_are_drawn_evenly():
    drawn = "".join(tokens.random_text(24) for _ in range(10_000))
    counts = [drawn.count(character) for character in tokens.ALPHABET]
    assert set(drawn) == set(tokens.ALPHABET)
    # 240,000 draws over 58 characters: 4,138 each, and 6 standard deviations are under 400.
    assert all(3_738 < count < 4_538 for count in counts)
    assert not set("0OIl") & set(tokens.ALPHABET) and set(tokens.ALPHABET) < set(string.ascii_letters + string.digits)


def test_rotation_keeps_old_tokens_and_makes_new_ones_with_the_new_key(keys):
    keys(OLD)
    old, short, old_id = made_now()
    keys(NEW, OLD)
    assert KIND.check(old) == tokens.Presented(short=short, key_id=old_id)
    assert KIND.token(short, old_id) == old
    assert tokens.newest_key_id() != old_id


def test_a_withdrawn_key_invalidates_its_tokens_and_rows_get_new_ones(keys):
    keys(OLD)
    old, short, old_id = made_now()
    keys(NEW)
    assert KIND.check(old) is None
    presented = KIND.check(KIND.token(short, old_id))
    assert presented and KIND.agrees(presented, old_id)


def test_a_fallback_key_cannot_forge_tokens_of_the_new_key(keys):
    keys(OLD)
    forged = KIND.token("abcdefgh", tokens.newest_key_id())
    keys(NEW, OLD)
    presented = KIND.check(forged)
    assert presented is not None
    assert not KIND.agrees(presented, tokens.newest_key_id())


def test_the_digest_is_sha_256_of_the_whole_key():
    assert (
        tokens.digest("51FwqftsmMDHHbJAMEXXHCgG") == "d70d981d87b449c107327c2a2afbf00d4b58070d6ba571aac35d7ea3e7c79f37"
    )
