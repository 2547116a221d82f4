"""Checks of models that are registered as a resource type."""

from django.db.models import CompositePrimaryKey, Model

__all__ = ["model_problem"]


def model_problem(model: object) -> str | None:
    """Return why rows of this model cannot be granted, or None if they can."""
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
        return f"{model.__name__} has a composite primary key; a resource needs a key of one field"
    return None
