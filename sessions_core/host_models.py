"""Problems of a host's models that Gatepass does not support."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import CharField, Field, IntegerField, Model, TextField, UUIDField

__all__ = ["key_problem", "manager_problem", "user_models"]

# Ids are stored as text. Every database converts the text back to the same value only for these fields.
IDENTIFYING = (IntegerField, UUIDField, CharField, TextField)

# A field that overrides one of these methods stores another value in its column than Python code sees.
CONVERSIONS = ("from_db_value", "get_prep_value", "get_db_prep_value", "get_db_prep_save")


def user_models() -> list[type[Model]]:
    """Return the user model, its proxies and the models that inherit from it. Django sends a signal with the class of
    the saved instance, so a receiver must connect to all of them."""
    models: list[type[Model]] = [get_user_model()]
    for model in models:
        models += model.__subclasses__()
    return models


def manager_problem(model: type[Model]) -> str | None:
    """Return why the queryset of the default manager cannot be filtered, or None if it can."""
    try:
        query = model._default_manager.all().query
    except Exception:  # the host's own code, which may need a request, such as a current tenant
        return None
    if query.combinator:
        shape = f"a {query.combinator}"
    elif query.is_sliced:
        shape = "a slice"
    else:
        return None
    return (
        f"the default manager of {model.__name__} returns {shape}, which Django cannot filter. "
        "Put a manager that returns an ordinary queryset first, or name it in Meta.default_manager_name"
    )


def key_problem(field: "Field[Any, Any]") -> str | None:
    """Return why ids cannot be looked up by this field, or None if they can."""
    end: Any = field
    while end.is_relation:  # a foreign key stores what it refers to
        end = end.target_field
    if isinstance(end, IDENTIFYING) and not any(_overrides(type(end), name) for name in CONVERSIONS):
        return None
    return (
        f"{field.model.__name__}.{field.name} is a {type(end).__name__}. "
        "The key must be an integer, a UUID or text, and stored without conversion"
    )


def _overrides(kind: type, name: str) -> bool:
    """Return True if a class outside Django defines this method of the field."""
    definer = next((each for each in kind.__mro__ if name in vars(each)), None)
    return definer is not None and not definer.__module__.startswith("django.db.models")
