"""Primary keys of users, as callers and API ids write them. An id has one spelling: "user_007" is none."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model

__all__ = ["PREFIX", "key_in_id", "key_in_text", "key_of_user"]

# The prefix of user ids in the API, such as user_7.
PREFIX = "user_"

# Longer than any primary key of a user.
LONGEST_KEY = 200


def key_in_id(id: str, model: type[Model]) -> Any | None:
    """Return the primary key in an API id, or None if the id is invalid."""
    text = id.removeprefix(PREFIX)
    key = None if text == id else key_in_text(text, model)
    return key if key is not None and f"{PREFIX}{key}" == id else None


def key_in_text(text: str, model: type[Model]) -> Any | None:
    """Return the primary key that the text stands for in some spelling, or None if the model has no such keys."""
    if len(text) > LONGEST_KEY or "\x00" in text or not text.isprintable():
        return None
    field = _column(model)
    try:
        key = field.to_python(text)
        if isinstance(key, int):
            field.run_validators(key)  # databases raise an error for a number outside the column's range
    except (ValidationError, ValueError):
        return None
    return key


def key_of_user(user: Any) -> Any:
    """Return the primary key of a saved user, given as an instance, as the key or as its text. Raise ValueError."""
    model = get_user_model()
    key: Any = user.pk if isinstance(user, model) else key_in_text(str(user), model)
    # A value of another type or spelling could be somebody else's: True is not 1.
    is_key = isinstance(user, (model, str, type(key))) and str(key) == str(getattr(user, "pk", user))
    if key in (None, "") or not is_key:
        raise ValueError("user must be a saved user or a primary key of one.")
    return key


def _column(model: type[Model]) -> Any:
    field: Any = model._meta.pk
    while field.is_relation:  # the primary key is a one-to-one link to another model
        field = field.target_field
    return field
