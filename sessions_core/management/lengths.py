"""Length checks of the arguments of commands."""

from django.core.management.base import CommandError
from django.db.models import Model

__all__ = ["check_length"]


def check_length(text: str, model: type[Model], field: str, *, what: str) -> str:
    """Return the text. Raise CommandError, with ``what`` as its name, if it is longer than the field allows."""
    most = getattr(model._meta.get_field(field), "max_length", None)
    if most is not None and len(text) > most:
        raise CommandError(f"{what} must be at most {most} characters long; this one has {len(text)}.")
    return text
