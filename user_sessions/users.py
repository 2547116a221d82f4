"""Format the ids of the host project's users, and look users up by id or name."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import EmailField, Model, QuerySet
from django.db.models.functions import Lower
from django.db.models.manager import BaseManager
from django.utils.module_loading import import_string

from sessions_core.db.compiled import CompiledQuery, kind_of
from sessions_core.models import Workspace
from sessions_core.user_keys import PREFIX, key_in_id, key_in_text
from user_sessions.conf import EVERYBODY, settings

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = [
    "can_be_name",
    "clean_name",
    "everybody",
    "find",
    "find_by_name",
    "has_field",
    "has_user",
    "is_ordinary",
    "key_of",
    "may_be_impersonated",
    "members",
    "members_by_address",
    "normalize_name",
    "sign_in_identifiers",
    "unread",
    "user_id",
]


def user_id(key: Any) -> str:
    """Return the API id of the user with this primary key."""
    return f"{PREFIX}{key}"


def everybody(workspace: Workspace) -> "QuerySet[AbstractBaseUser]":
    """Return all users of the host: correct for one workspace, or if all workspaces share their users."""
    users: QuerySet[AbstractBaseUser] = get_user_model()._default_manager.all()
    return users


def find(workspace: Workspace, id: str) -> "AbstractBaseUser | None":
    """Return the workspace's user with this API id, or None if the id is invalid or belongs to another workspace.

    ``USER_SESSIONS["WORKSPACE_USERS"]`` decides which users a workspace has.
    """
    key = key_of(id)
    if key is None:
        return None
    if users := _found_by_key():
        return users.get(key=key)
    return next(iter(_users_of(workspace).filter(pk=key).order_by()[:1]), None)


def unread(id: str) -> "AbstractBaseUser | None":
    """Return an instance with the key of this API id, for a call that reads the row itself. The row may be missing.

    Return None if the key alone does not show whether the user belongs to the workspace; see ``find``.
    """
    key = key_of(id)
    return get_user_model()(pk=key) if key is not None and _found_by_key() else None


def _found_by_key() -> CompiledQuery[Any] | None:
    """Return the look-up by primary key if each workspace has all users."""
    return _among_everybody(get_user_model()) if settings.workspace_users == EVERYBODY else None


@cache
def _among_everybody(model: type[Model]) -> CompiledQuery[Any] | None:
    """Return the look-up by primary key, or None if the manager of the model may return another query each time."""
    kind = kind_of(model._meta.pk)
    is_fixed = type(model._default_manager).get_queryset is BaseManager.get_queryset
    if kind is None or not is_fixed:
        return None
    return CompiledQuery(model, lambda key: model._default_manager.filter(pk=key).order_by(), key=kind)


def find_by_name(workspace: Workspace, name: str) -> "AbstractBaseUser | None":
    """Return the workspace's user by user name, or by e-mail address if only one user has it."""
    users, model = _users_of(workspace), get_user_model()
    by_username = {model.USERNAME_FIELD: model.normalize_username(name)}
    if can_be_name(name) and (user := users.filter(**by_username).first()):
        return user
    email_field = model.get_email_field_name()
    if "@" not in name or not has_field(email_field):
        return None
    by_address = users.filter(**{f"{email_field}__iexact": name})[:2]
    return by_address[0] if len(by_address) == 1 else None


def sign_in_identifiers() -> list[str]:
    """Return what ``find_by_name`` finds users by, in Clerk's words: "username", "email_address" or both."""
    model = get_user_model()
    email_field = model.get_email_field_name()
    if email_field == model.USERNAME_FIELD or isinstance(model._meta.get_field(model.USERNAME_FIELD), EmailField):
        return ["email_address"]
    return ["username", "email_address"] if has_field(email_field) else ["username"]


def clean_name(text: str) -> str:
    """Clean a name as Django's own login form does: strip blanks and normalise Unicode (NFKC)."""
    return unicodedata.normalize("NFKC", text.strip())


def can_be_name(text: str) -> bool:
    """Return True if the username field accepts the text. In some hosts that field is a number."""
    model = get_user_model()
    column: Any = model._meta.get_field(model.USERNAME_FIELD)
    try:
        column.to_python(text)
    except (ValidationError, ValueError):
        return False
    return True


def normalize_name(name: str) -> str:
    """Return one spelling for all names that a backend may treat as equal. Use it for rate limits, not for lookups."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def has_user(workspace: Workspace, user: Any) -> bool:
    """Return True if the user belongs to the workspace."""
    return _users_of(workspace).filter(pk=user.pk).exists()


def is_ordinary(user: Any) -> bool:
    """Return True for a user who is neither superuser nor staff, and for any user of a model without these fields."""
    return not (getattr(user, "is_superuser", False) or getattr(user, "is_staff", False))


def may_be_impersonated(user: Any) -> bool:
    """Call the function in ``USER_SESSIONS["MAY_BE_IMPERSONATED"]``."""
    return bool(import_string(settings.may_be_impersonated)(user))


def key_of(id: str) -> Any | None:
    """Return the primary key in an API id, or None if the id is invalid."""
    return _key_of(id, get_user_model())


@lru_cache(maxsize=512)  # every request with a session token needs it, and validating takes longer than the look-up
def _key_of(id: str, model: type[Model]) -> Any | None:
    return key_in_id(id, model)


def members(workspace: Workspace, keys: Iterable[str]) -> "dict[str, AbstractBaseUser]":
    """Return the workspace's users with these primary keys, which are text as a database writes it: one query."""
    by_text = {text: key for text in keys if (key := key_in_text(text, get_user_model())) is not None}
    found = {user.pk: user for user in _users_of(workspace).filter(pk__in=set(by_text.values()))}
    return {text: found[key] for text, key in by_text.items() if key in found}


def members_by_address(workspace: Workspace, addresses: Iterable[str]) -> "dict[str, AbstractBaseUser]":
    """Return the workspace's users with these e-mail addresses, which are in lower case: one query, or none.

    An address that several users share matches none of them.
    """
    field = get_user_model().get_email_field_name()
    if not has_field(field):
        return {}
    lower = _users_of(workspace).annotate(user_sessions_address=Lower(field))
    users = list(lower.filter(user_sessions_address__in=set(addresses)))
    counts = Counter(user.user_sessions_address for user in users)
    return {user.user_sessions_address: user for user in users if counts[user.user_sessions_address] == 1}


def has_field(name: str) -> bool:
    """Return True if the host's user model has a field with this name."""
    try:
        get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _users_of(workspace: Workspace) -> "QuerySet[AbstractBaseUser]":
    users: QuerySet[AbstractBaseUser] = import_string(settings.workspace_users)(workspace)
    return users
