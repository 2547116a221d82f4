"""Users as arguments of commands: an id or a user name."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from sessions_core.management.databases import ready_database

__all__ = ["user_named"]

# The prefix of user ids in the API, such as user_7.
PREFIX = "user_"


def user_named(text: str) -> Any:
    """Return the user with this id, such as user_7, or this user name. Raise CommandError unless one matches."""
    with ready_database():
        by_id, by_name = _by_id(text), _by_name(text)
    found = {user.pk: user for user in (*by_id, *by_name)}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise CommandError(f"No user has the id or the user name {text!r}.")
    ids = ", ".join(f"{PREFIX}{pk}" for pk in found)
    raise CommandError(f"{text!r} matches {len(found)} users: {ids}. Use an id or a user name that matches one user.")


def _by_id(text: str) -> list[Any]:
    model = get_user_model()
    try:
        key = model._meta.pk.to_python(text.removeprefix(PREFIX))
    except (ValidationError, ValueError):
        return []
    # An id has one spelling: "user_007" matches no user.
    return list(model._base_manager.filter(pk=key)) if f"{PREFIX}{key}" == text else []


def _by_name(text: str) -> list[Any]:
    model = get_user_model()
    try:
        return list(model._base_manager.filter(**{model.USERNAME_FIELD: text})[:2])
    except (ValidationError, ValueError):  # the user names of the host may be numbers
        return []
