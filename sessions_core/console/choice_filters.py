"""Filters of a list with fixed choices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["ChoiceFilter"]


class ChoiceFilter(admin.SimpleListFilter):
    """Refuses a value that it does not offer. Django ignores it, and an action would then apply to all rows."""

    offered: "ClassVar[Sequence[tuple[str, _StrOrPromise]]]" = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> "list[tuple[str, _StrOrPromise]]":
        return [(value, str(label)) for value, label in self.offered]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value is None:
            return queryset
        if value not in dict(self.lookup_choices):
            raise IncorrectLookupParameters
        return self.filtered(queryset, value)

    def filtered(self, queryset: Any, value: str) -> Any:
        raise NotImplementedError
