"""Users belong to the host project: this is how they are called on the wire, and found again."""

import unicodedata
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import EmailField, QuerySet
from django.utils.module_loading import import_string

from sessions_core.models import Workspace
from user_sessions.conf import settings

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = [
    "can_be_name",
    "cleaned_name",
    "everybody",
    "find",
    "find_by_name",
    "has_field",
    "is_known",
    "is_ordinary",
    "key_of",
    "may_be_impersonated",
    "sign_in_identifiers",
    "spelled",
    "user_id",
]

PREFIX = "user_"

# Longer than any key of a user.
LONGEST_KEY = 200


def user_id(key: Any) -> str:
    """The id on the wire of the user with this primary key."""
    return f"{PREFIX}{key}"


def everybody(workspace: Workspace) -> "QuerySet[AbstractBaseUser]":
    """All users of the host: right where it has one workspace, or where all of them are of one house."""
    users: QuerySet[AbstractBaseUser] = get_user_model()._default_manager.all()
    return users


def find(workspace: Workspace, id: str) -> "AbstractBaseUser | None":
    """The user that the workspace knows by this id on the wire; None for any other and for any text that is no id.

    Whom a workspace knows, the function says that ``USER_SESSIONS["WORKSPACE_USERS"]`` names.
    """
    key = key_of(id)
    return None if key is None else _known(workspace).filter(pk=key).first()


def find_by_name(workspace: Workspace, name: str) -> "AbstractBaseUser | None":
    """The user that the workspace knows by what they type to sign in: their user name, or the e-mail address that is
    theirs alone."""
    known, model = _known(workspace), get_user_model()
    called = {model.USERNAME_FIELD: model.normalize_username(name)}
    if can_be_name(name) and (user := known.filter(**called).first()):
        return user
    email_field = model.get_email_field_name()
    if "@" not in name or not has_field(email_field):
        return None
    of_address = known.filter(**{f"{email_field}__iexact": name})[:2]
    return of_address[0] if len(of_address) == 1 else None


def sign_in_identifiers() -> list[str]:
    """Return what ``find_by_name`` finds users by, in Clerk's words: "username", "email_address" or both."""
    model = get_user_model()
    email_field = model.get_email_field_name()
    if email_field == model.USERNAME_FIELD or isinstance(model._meta.get_field(model.USERNAME_FIELD), EmailField):
        return ["email_address"]
    return ["username", "email_address"] if has_field(email_field) else ["username"]


def cleaned_name(text: str) -> str:
    """Clean a name as Django's own login form does: strip blanks and normalise Unicode (NFKC)."""
    return unicodedata.normalize("NFKC", text.strip())


def can_be_name(text: str) -> bool:
    """Whether the host's column of user names holds such: it may be one of numbers."""
    model = get_user_model()
    column: Any = model._meta.get_field(model.USERNAME_FIELD)
    try:
        column.to_python(text)
    except (ValidationError, ValueError):
        return False
    return True


def spelled(name: str) -> str:
    """One spelling of all that a host's backend may take for the same name: to count by, not to find anybody."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def is_known(workspace: Workspace, user: Any) -> bool:
    """Whether the workspace knows this user."""
    return _known(workspace).filter(pk=user.pk).exists()


def is_ordinary(user: Any) -> bool:
    """Return True for a user who is neither superuser nor staff, as is every user of a model without these fields."""
    return not (getattr(user, "is_superuser", False) or getattr(user, "is_staff", False))


def may_be_impersonated(user: Any) -> bool:
    """Ask the function that ``USER_SESSIONS["MAY_BE_IMPERSONATED"]`` names."""
    return bool(import_string(settings.may_be_impersonated)(user))


def key_of(id: str) -> Any | None:
    """The primary key in an id, None if it cannot be one."""
    text = id.removeprefix(PREFIX)
    if text == id or len(text) > LONGEST_KEY or "\x00" in text or not text.isprintable():
        return None
    field: Any = get_user_model()._meta.pk
    while field.is_relation:  # a one-to-one link to the rest of the user
        field = field.target_field
    try:
        key = field.to_python(text)
        if isinstance(key, int):
            field.run_validators(key)  # out of the column's range: PostgreSQL refuses even to look for it
    except (ValidationError, ValueError):
        return None
    # "user_007" names nobody: an id has one spelling.
    return key if user_id(key) == id else None


def has_field(name: str) -> bool:
    """Whether the host's model of users keeps it in a column."""
    try:
        get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _known(workspace: Workspace) -> "QuerySet[AbstractBaseUser]":
    known: QuerySet[AbstractBaseUser] = import_string(settings.workspace_users)(workspace)
    return known
