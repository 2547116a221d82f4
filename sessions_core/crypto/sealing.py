"""Columns with encrypted secrets. A value can be decrypted only in its own row."""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import models, router

from sessions_core.crypto.encryption import CannotOpen, is_sealed_with_newest, open_sealed, seal

__all__ = ["SealedField", "open_in", "place_of", "reseal", "seal_for", "sealed_columns", "undecryptable_rows"]


class SealedField(models.BinaryField):  # type: ignore[type-arg]  # it takes none at run time
    """An encrypted secret, made by ``seal_for``. The model needs a ``workspace``."""


def place_of(row: Any) -> str:
    """Return the associated data of the secrets of a row: workspace and primary key."""
    return f"{row.workspace_id}|{row.pk}"


def seal_for(row: Any, secret: bytes) -> bytes:
    return seal(secret, place=place_of(row))


def open_in(row: Any, sealed: bytes | memoryview) -> bytes:
    """Decrypt a secret of this row. Raise CannotOpen."""
    return open_sealed(bytes(sealed), place=place_of(row))


def sealed_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Yield each model and field with secrets in the installed apps."""
    for model in apps.get_models():
        yield from ((model, field.name) for field in model._meta.fields if isinstance(field, SealedField))


def reseal(model: type[models.Model], column: str, *, seen: Callable[[int], object] = int) -> int:
    """Encrypt secrets of older keys with the newest key. Return the number of changed rows. Raise CannotOpen.

    Each row is updated by itself and only if it did not change since it was read, so this is safe on a running server
    and can be repeated. ``seen`` is called with the number of rows checked so far.
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
    """Return the primary keys of the rows whose secret none of the ENCRYPTION_KEYS can decrypt."""
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
