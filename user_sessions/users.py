"""Users belong to the host project: this is how they are called on the wire, and found again."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = ["find", "user_id"]

PREFIX = "user_"

# Longer than any key of a user; and no integer column holds more than 18 digits for certain.
LONGEST_KEY = 200
MOST_DIGITS = 18


def user_id(key: Any) -> str:
    """The id on the wire of the user with this primary key."""
    return f"{PREFIX}{key}"


def find(id: str) -> "AbstractBaseUser | None":
    """The user with this id on the wire; None for an unknown one and for any text that is no id."""
    key = key_of(id)
    return None if key is None else get_user_model()._default_manager.filter(pk=key).first()


def key_of(id: str) -> Any | None:
    """The primary key in an id, None if it cannot be one."""
    text = id.removeprefix(PREFIX)
    if text == id or len(text) > LONGEST_KEY or "\x00" in text or not text.isprintable():
        return None
    try:
        key = get_user_model()._meta.pk.to_python(text)
    except (ValidationError, ValueError):
        return None
    if isinstance(key, int) and len(str(abs(key))) > MOST_DIGITS:
        return None
    # "user_007" names nobody: an id has one spelling.
    return key if user_id(key) == id else None
