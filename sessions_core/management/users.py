"""Users as arguments of commands: an id, a user name or an e-mail address."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from sessions_core.management.databases import ready_database
from sessions_core.user_keys import PREFIX, key_in_id

__all__ = ["user_named"]


def user_named(text: str) -> Any:
    """Return the user with this id, such as user_7, user name or e-mail address. Raise CommandError unless one
    matches."""
    with ready_database():
        found = {user.pk: user for user in (*_by_id(text), *_by_name(text), *_by_email(text))}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise CommandError(f"No user has the id, user name or e-mail address {text!r}.")
    ids = ", ".join(f"{PREFIX}{pk}" for pk in found)
    raise CommandError(f"{text!r} matches {len(found)} users: {ids}. Use an id, or a name that matches one user.")


def _by_id(text: str) -> list[Any]:
    model = get_user_model()
    key = key_in_id(text, model)
    return [] if key is None else list(model._base_manager.filter(pk=key))


def _by_name(text: str) -> list[Any]:
    model = get_user_model()
    try:
        return list(model._base_manager.filter(**{model.USERNAME_FIELD: text})[:2])
    except (ValidationError, ValueError):  # the user names of the host may be numbers
        return []


def _by_email(text: str) -> list[Any]:
    model = get_user_model()
    name = getattr(model, "EMAIL_FIELD", "")
    is_column = "@" in text and name in {field.name for field in model._meta.concrete_fields}
    return list(model._base_manager.filter(**{name: text})[:2]) if is_column else []
