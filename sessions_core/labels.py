"""Labels that admin pages of several apps show, and names of models for commands and checks."""

from django.db.models import Model
from django.utils.translation import override, pgettext_lazy

__all__ = ["USER", "WORKSPACE", "english_plural"]

USER = pgettext_lazy("Gatepass", "user")
WORKSPACE = pgettext_lazy("Gatepass", "workspace")


def english_plural(model: type[Model]) -> str:
    """Return the plural name of a model in English, the language of commands and checks."""
    with override("en"):
        return str(model._meta.verbose_name_plural)
