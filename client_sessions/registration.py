"""Which models can be registered as a resource type, and by which key."""

from typing import Any

from django.db.models import CharField, CompositePrimaryKey, Field, IntegerField, Model, TextField, UUIDField

__all__ = ["key_problem", "model_problem"]

# Grants keep ids as text. Only of these does every database read the same value back from the text.
GRANTABLE = (IntegerField, UUIDField, CharField, TextField)

# A field with a method of these keeps something else in its column than it shows.
CONVERSIONS = ("from_db_value", "get_prep_value", "get_db_prep_value", "get_db_prep_save")


def model_problem(model: object) -> str | None:
    """Return why rows of this model can never be granted, or None if they can."""
    if not isinstance(model, type) or not issubclass(model, Model):
        return f"{model!r} is not a model class"
    if model._meta.abstract:
        return f"{model.__name__} is abstract and has no rows. Register the models that inherit from it"
    if model._meta.proxy:
        concrete = model._meta.concrete_model
        return f"{model.__name__} is a proxy. Register {concrete.__name__ if concrete else 'its model'} instead"
    if model._meta.swapped:
        return f"{model.__name__} is swapped out. Register {model._meta.swapped} instead"
    if isinstance(model._meta.pk, CompositePrimaryKey):
        return f"{model.__name__} has a composite primary key, which one id cannot name"
    return None


def key_problem(field: "Field[Any, Any]") -> str | None:
    """Return why ids cannot be looked up by this field, or None if they can."""
    end: Any = field
    while end.is_relation:  # a foreign key holds what it refers to
        end = end.target_field
    if isinstance(end, GRANTABLE) and not any(_overrides(type(end), name) for name in CONVERSIONS):
        return None
    return (
        f"{field.model.__name__}.{field.name} is a {type(end).__name__}. "
        "The key must be a whole number, a UUID or text, stored as it is shown"
    )


def _overrides(kind: type, name: str) -> bool:
    """Return True if a class outside Django defines this method of the field."""
    definer = next((each for each in kind.__mro__ if name in vars(each)), None)
    return definer is not None and not definer.__module__.startswith("django.db.models")
