"""Which of the TOKEN_KEYS are in use, and by how many rows."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.db import models, router

from sessions_core.crypto.tokens import current_key_id

__all__ = ["TokenKeyField", "needed_keys"]


class TokenKeyField(models.CharField):  # type: ignore[type-arg]  # it takes none at run time
    """Ids of the TOKEN_KEYS that the tokens of a row are derived from, separated by spaces, the current one first.

    The manager of the model must have ``live(at=…)``, which returns the rows whose tokens work.
    """


def needed_keys(*, at: datetime) -> Iterator[tuple[type[models.Model], Counter[str]]]:
    """Yield for each model the number of live rows whose current token uses each key, by key id."""
    for model in apps.get_models():
        for field in model._meta.fields:
            if isinstance(field, TokenKeyField):
                yield model, _count(model, field.name, at=at)


def _count(model: type[models.Model], column: str, *, at: datetime) -> Counter[str]:
    manager = model._default_manager.using(router.db_for_write(model))
    live = manager.live(at=at)  # type: ignore[attr-defined]  # required by TokenKeyField
    counted: Counter[str] = Counter()
    for key_ids, number in live.order_by().values_list(column).annotate(models.Count("pk")):
        counted[current_key_id(key_ids)] += number
    return counted
