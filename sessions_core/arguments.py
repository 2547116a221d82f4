"""The rows that callers pass to the verbs of models."""

from django.contrib.auth import get_user_model
from django.db.models import Model

__all__ = ["require_instance", "require_user"]


def require_instance(value: object, model: type[Model], *, name: str) -> None:
    """Raises ValueError, which names the argument, for anything but a row of this model."""
    if not isinstance(value, model):
        raise ValueError(f"{name} must be a {model.__name__}, not {type(value).__name__}.")


def require_user(user: object) -> None:
    """Raises ValueError for anything but a user of the host, such as ``AnonymousUser``."""
    require_instance(user, get_user_model(), name="user")
