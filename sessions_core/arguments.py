"""Checks of the rows that callers pass to the methods of models."""

from django.contrib.auth import get_user_model
from django.db.models import Model

__all__ = ["require_instance", "require_user"]


def require_instance(value: object, model: type[Model], *, name: str) -> None:
    """Raise ValueError, with the name of the argument, unless the value is a row of this model."""
    if not isinstance(value, model):
        raise ValueError(f"{name} must be a {model.__name__}, not {type(value).__name__}.")


def require_user(user: object) -> None:
    """Raise ValueError unless this is a user of the host. ``AnonymousUser`` is not one."""
    require_instance(user, get_user_model(), name="user")
