"""Columns of secrets that must be read again. What one holds opens only in the row it was sealed for."""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import models, router

from sessions_core.crypto.encryption import CannotOpen, is_sealed_with_newest, open_sealed, seal

__all__ = ["SealedField", "open_in", "place_of", "reseal", "seal_for", "sealed_columns", "undecryptable_rows"]


class SealedField(models.BinaryField):  # type: ignore[type-arg]  # it takes none at run time
    """A secret of a row that belongs to a workspace, as ``seal_for`` made it."""


def place_of(row: Any) -> str:
    """Where a secret is sealed for: workspace and row."""
    return f"{row.workspace_id}|{row.pk}"


def seal_for(row: Any, secret: bytes) -> bytes:
    return seal(secret, place=place_of(row))


def open_in(row: Any, sealed: bytes | memoryview) -> bytes:
    """Raises CannotOpen."""
    return open_sealed(bytes(sealed), place=place_of(row))


def sealed_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Every model and field with secrets, of every app that is installed."""
    for model in apps.get_models():
        yield from ((model, field.name) for field in model._meta.fields if isinstance(field, SealedField))


def reseal(model: type[models.Model], column: str, *, seen: Callable[[int], object] = int) -> int:
    """Seal with the newest key what was sealed with another; how many there were. Raises CannotOpen.

    Each row is written by itself and only as it was read, so this may run beside anything, twice, or again after it
    was stopped. ``seen`` is called with the number of rows looked at so far.
    """
    changed, using = 0, router.db_for_write(model)
    for number, row in enumerate(_rows(model, column, using), start=1):
        seen(number)
        sealed = bytes(getattr(row, column))
        if not is_sealed_with_newest(sealed):
            unchanged = model._default_manager.using(using).filter(pk=row.pk, **{column: sealed})
            changed += unchanged.update(**{column: seal_for(row, open_in(row, sealed))})
    return changed


def undecryptable_rows(model: type[models.Model], column: str, *, using: str) -> list[Any]:
    """Keys of the rows whose secret none of the ENCRYPTION_KEYS opens."""
    return [row.pk for row in _rows(model, column, using) if not _opens(row, column)]


def _rows(model: type[models.Model], column: str, using: str) -> Any:
    rows = model._default_manager.using(using).exclude(**{column: None})
    return rows.only("pk", "workspace_id", column).order_by("pk").iterator()


def _opens(row: Any, column: str) -> bool:
    try:
        open_in(row, getattr(row, column))
    except CannotOpen:
        return False
    return True
