"""What the sources of personal data have in common: columns, roles, and deletion without events."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model, QuerySet

from sessions_core.batches import batches
from sessions_core.db.transactions import require_transaction

__all__ = ["columns", "delete_quietly", "role"]


def columns(row: Model, names: Iterable[str]) -> dict[str, Any]:
    """Return these columns of a row. A foreign key is the primary key it refers to."""
    return {name: getattr(row, row._meta.get_field(name).attname) for name in names}  # type: ignore[union-attr]


def delete_quietly(model: type[Model], rows: "QuerySet[Any]") -> int:
    """Delete rows whose end is recorded, which ``delete`` of their manager would record once more. Return how many.

    All are locked first, so that no row that refers to them is added meanwhile. Raise TransactionManagementError
    outside of a transaction.
    """
    require_transaction()
    keyed: QuerySet[Any] = QuerySet(model).filter(pk__in=rows.order_by().values("pk"))
    locked = list(keyed.select_for_update().order_by("pk").values_list("pk", flat=True))
    deleted = 0
    for some in batches(locked):
        _, counts = QuerySet(model).filter(pk__in=some).delete()
        deleted += counts.get(model._meta.label, 0)
    return deleted


def role(actor: str) -> str:
    """Return what an export says about another actor: ``operator`` for ``operator:7``. Programs keep their name."""
    kind, colon, _ = actor.partition(":")
    if kind in ("system", "command") or not actor:
        return actor
    return kind if colon else "other"
