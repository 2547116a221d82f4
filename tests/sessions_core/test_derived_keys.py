"""A project that sets no keys: they derive from SECRET_KEY."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

import pytest
from django.core.checks import Tags, run_checks

from sessions_core.conf import settings as core_settings
from sessions_core.crypto import tokens
from sessions_core.crypto.derived_keys import derived_key
from sessions_core.crypto.encryption import CannotOpen, is_sealed_with_newest, open_sealed, seal
from tests.embedded import embedded

pytestmark = embedded

KIND = tokens.DerivedKind("seam_cst1")
PLACE = "workspace|row"
SECRET, LATER = ("".join(f"{letter}{number}" for number in range(25)) for letter in "st")
NAMES = ["TOKEN_KEYS", "ENCRYPTION_KEYS"]


@pytest.fixture
def secret(settings):
    """Set SECRET_KEY and its fallbacks, and none of our keys."""

    def set_secret(*secrets: str | bytes, **given: object) -> None:
        settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS = secrets
        settings.SESSIONS_CORE = given

    set_secret(SECRET)
    return set_secret


def ids_in_deployment() -> set[str | None]:
    ours = run_checks(tags=[Tags.security], include_deployment_checks=True)
    return {message.id for message in ours if str(message.id).startswith("sessions_core.") and "W001" not in message.id}


def test_an_independent_implementation_derives_the_same_key():
    pseudorandom = hmac.digest(bytes(32), b"a secret", "sha256")  # RFC 5869, sections 2.2 and 2.3
    expected = hmac.digest(pseudorandom, b"gatepass derived key|TOKEN_KEYS\x01", hashlib.sha256)
    assert derived_key("a secret", "TOKEN_KEYS") == urlsafe_b64encode(expected).decode()


def test_the_key_of_a_purpose_never_changes():
    assert derived_key("a secret", "TOKEN_KEYS") == "pezMmL0QE39IhdzZf8dC_Uu5MnyE-kEpEAavbI-gsJ8="
    assert derived_key(b"a secret", "ENCRYPTION_KEYS") == "AdQ79aYClvNlPogJdagSl80jRCb24T-mxXZvuroJKKg="


@pytest.mark.promise("P29")
def test_keys_and_their_ids_differ_between_purposes_and_secrets(secret):
    secret(SECRET, LATER)
    keys = [*core_settings.token_keys, *core_settings.encryption_keys]
    assert len({SECRET, LATER, *keys}) == 6
    assert len(set(tokens.token_key_ids())) == 2


def test_a_key_is_derived_once_and_a_new_secret_applies_at_once(secret):
    first, again = core_settings.token_keys, core_settings.token_keys
    assert first[0] is again[0]
    secret(LATER)
    assert core_settings.token_keys[0] != first[0]


def test_fallbacks_are_older_keys_in_their_order(secret):
    secret(LATER, SECRET, LATER, "")
    for name, keys in zip(NAMES, (core_settings.token_keys, core_settings.encryption_keys), strict=True):
        assert keys == [derived_key(LATER, name), derived_key(SECRET, name)]


def test_after_a_new_secret_key_with_the_former_as_fallback_tokens_and_secrets_work(secret):
    short, key_id = KIND.new_short(), tokens.newest_key_id()
    token, sealed = KIND.token(short, key_id), seal(b"secret", place=PLACE)
    secret(LATER, SECRET)
    presented = KIND.check(token)
    assert presented and KIND.agrees(presented, key_id)
    assert (open_sealed(sealed, place=PLACE), is_sealed_with_newest(sealed)) == (b"secret", False)


def test_after_a_new_secret_key_without_it_they_do_not(secret):
    token, sealed = KIND.token(KIND.new_short(), ""), seal(b"secret", place=PLACE)
    secret(LATER)
    assert KIND.check(token) is None
    with pytest.raises(CannotOpen, match="SECRET_KEY"):
        open_sealed(sealed, place=PLACE)


def test_after_own_encryption_keys_the_derived_ones_decrypt_and_do_not_encrypt(secret):
    sealed = seal(b"secret", place=PLACE)
    secret(SECRET, ENCRYPTION_KEYS=["e" * 40])
    assert (open_sealed(sealed, place=PLACE), is_sealed_with_newest(sealed)) == (b"secret", False)
    later = seal(b"secret", place=PLACE)
    secret(LATER, ENCRYPTION_KEYS=["e" * 40])
    assert open_sealed(later, place=PLACE) == b"secret"


@pytest.mark.promise("P29")
def test_after_own_token_keys_derived_ones_make_no_valid_token(secret):
    token = KIND.token(KIND.new_short(), "")
    secret(SECRET, TOKEN_KEYS=["n" * 40])
    assert KIND.check(token) is None


def test_a_listed_derived_key_is_an_older_key(secret):
    token = KIND.token(KIND.new_short(), "")
    secret(LATER, TOKEN_KEYS=["n" * 40, derived_key(SECRET, "TOKEN_KEYS")])
    assert KIND.check(token) is not None


def test_invalid_keys_are_not_replaced_by_derived_ones(secret):
    secret(SECRET, TOKEN_KEYS=None, ENCRYPTION_KEYS=[5])
    assert (core_settings.token_keys, core_settings.encryption_keys) == ((), ())


@pytest.mark.parametrize("given", [{}, *({name: ["k" * 40]} for name in NAMES)])
def test_w003_warns_of_derived_keys_in_deployment(secret, given):
    secret(SECRET, **given)
    assert ids_in_deployment() == {"sessions_core.W003"}


def test_w003_ends_with_keys_of_your_own(secret):
    secret(SECRET, TOKEN_KEYS=["t" * 40], ENCRYPTION_KEYS=["e" * 40])
    assert ids_in_deployment() == set()


@pytest.mark.promise("P29")
@pytest.mark.parametrize("weak", ["django-insecure-" + SECRET, SECRET[:49], "ab" * 30])
def test_e009_refuses_keys_derived_from_an_insecure_secret_key(secret, weak):
    secret(weak)
    assert ids_in_deployment() == {"sessions_core.E009"}
    secret(weak, TOKEN_KEYS=["t" * 40], ENCRYPTION_KEYS=["e" * 40])
    assert ids_in_deployment() == set()
