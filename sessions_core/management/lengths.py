"""How commands refuse a text that its column cannot hold, before the database does."""

from django.core.management.base import CommandError
from django.db.models import Model

__all__ = ["check_length"]


def check_length(text: str, model: type[Model], field: str, *, what: str) -> str:
    """The text, if the field of the model can hold it. Raises CommandError, which names it as ``what``."""
    most = getattr(model._meta.get_field(field), "max_length", None)
    if most is not None and len(text) > most:
        raise CommandError(f"{what} has at most {most} characters; this has {len(text)}.")
    return text
