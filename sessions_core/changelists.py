"""Lists of the console whose cost does not grow with the table: no full count, no free sort, no distinct values."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from sessions_core.models import Workspace

__all__ = ["BY_WORKSPACE", "UUID_PATTERN", "BoundedAdmin"]

# A UUID as Django reads it, with its hyphens or without.
UUID_PATTERN = r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"

# The public part of a key or token.
SHORT_PATTERN = r"[1-9A-HJ-NP-Za-km-z]{8}"

# Rows that a list counts and pages through. Filters and searches reach the others.
MOST_COUNTED = 1000

# Workspaces that a filter offers. `?workspace__id__exact=` takes any.
MOST_WORKSPACES = 100


class MoreThan(int):
    """A count that stopped at one more than ``MOST_COUNTED``."""

    def __str__(self) -> str:
        return f"more than {self - 1:,}"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: MOST_COUNTED + 1].count()
        return MoreThan(counted) if counted > MOST_COUNTED else counted

    @cached_property
    def num_pages(self) -> int:
        return -(-min(int(self.count), MOST_COUNTED) // self.per_page) or 1


class IndexedChangeList(ChangeList):
    """Ignores ``?o=``: the only order is the one that an index of the model has."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        self.params.pop(ORDER_VAR, None)
        return super().get_ordering(request, queryset)


class WorkspaceFilter(admin.RelatedFieldListFilter):
    """Offers the first workspaces by name."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        offered = list(Workspace.objects.order_by("name", "id")[:MOST_WORKSPACES])
        return [(workspace.pk, str(workspace)) for workspace in offered]


BY_WORKSPACE = ("workspace", WorkspaceFilter)


class BoundedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """``ordering`` must be the order of an index that begins with the workspace, or of the primary key."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    sortable_by = ()

    # The indexed columns that a text is looked up in: pairs of a pattern of the whole text and a lookup of exactly this
    # text. The first pattern that fits decides, or, if the list has ``names``, the first column that has the text.
    searched: ClassVar[Sequence[tuple[str, str]]] = ()

    # Columns that may contain the text, in any case. No index finds it, so only the first rows of the list are read.
    names: ClassVar[Sequence[str]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return IndexedChangeList

    def get_searched(self) -> Sequence[tuple[str, str]]:
        return self.searched

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Django shows the search box where there are any."""
        return [*(lookup for _, lookup in self.get_searched()), *self.names]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        text = search_term.strip()
        if not text or not self.get_search_fields(request):
            return queryset, False
        for pattern, lookup in self.get_searched():
            if re.fullmatch(pattern, text, re.DOTALL):
                try:
                    found = queryset.filter(**_by_index(self.model, lookup, text))
                except (ValueError, ValidationError):
                    continue  # no value of the column
                if not self.names or found.exists():
                    return found, False
        return queryset.filter(pk__in=self._primary_keys_by_name(queryset, text)), False

    def _primary_keys_by_name(self, queryset: QuerySet[Model], text: str) -> list[Any]:
        """Keys of the first rows of the list that have the text in a name."""
        rows = queryset.values_list("pk", *self.names)[:MOST_COUNTED] if self.names else ()
        text = text.casefold()
        return [pk for pk, *names in rows if any(text in (name or "").casefold() for name in names)]


def _by_index(model: type[Model], lookup: str, text: str) -> dict[str, Any]:
    """A filter for this lookup. Rows of another table, such as a user's name, are looked up first, and a bounded number
    of them, so that the database has no join to put in a bad order."""
    relation, _, rest = lookup.partition("__")
    if not rest:
        return {lookup: text}
    related: Any = model._meta.get_field(relation).related_model
    found = _by_index(related, rest, text)
    newest_first = related._base_manager.filter(**found).order_by("-pk")
    return {f"{relation}__in": list(newest_first.values_list("pk", flat=True)[:MOST_COUNTED])}
