"""Encrypted secrets."""

import pytest

from sessions_core.crypto.encryption import CannotOpen, is_sealed_with_newest, open_sealed, seal

OLD, NEW = "o" * 40, "n" * 40
PLACE = "workspace|row"


@pytest.fixture
def keys(settings):
    """Set the encryption keys, newest first."""

    def set_keys(*keys: str) -> None:
        settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"ENCRYPTION_KEYS": list(keys)}

    set_keys(NEW)
    return set_keys


def test_a_sealed_secret_opens_in_its_own_row(keys):
    sealed = seal(b"secret", place=PLACE)
    assert b"secret" not in sealed
    assert open_sealed(sealed, place=PLACE) == b"secret"


def test_sealing_twice_gives_two_ciphertexts(keys):
    assert seal(b"secret", place=PLACE) != seal(b"secret", place=PLACE)


def test_a_ciphertext_moved_to_another_row_does_not_open(keys):
    sealed = seal(b"secret", place=PLACE)
    with pytest.raises(CannotOpen, match="another row"):
        open_sealed(sealed, place="workspace|other")


def test_a_changed_ciphertext_does_not_open(keys):
    sealed = seal(b"secret", place=PLACE)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(CannotOpen):
            open_sealed(bytes(changed), place=PLACE)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01abcd", bytes(40)])
def test_an_unsealed_value_does_not_open(keys, sealed):
    with pytest.raises(CannotOpen):
        open_sealed(sealed, place=PLACE)


def test_after_rotation_the_old_key_reads_and_the_new_one_writes(keys):
    keys(OLD)
    old = seal(b"secret", place=PLACE)
    keys(NEW, OLD)
    assert open_sealed(old, place=PLACE) == b"secret"
    assert not is_sealed_with_newest(old)
    assert is_sealed_with_newest(seal(b"secret", place=PLACE))


def test_without_its_key_a_secret_does_not_open_and_the_error_says_why(keys):
    keys(OLD)
    old = seal(b"secret", place=PLACE)
    keys(NEW)
    with pytest.raises(CannotOpen, match="ENCRYPTION_KEYS"):
        open_sealed(old, place=PLACE)
