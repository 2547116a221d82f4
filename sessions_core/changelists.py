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

__all__ = ["BY_WORKSPACE", "BoundedAdmin"]

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

    # The one indexed column that a text is looked up in: pairs of a pattern of the whole text and a lookup. The first
    # pattern that fits decides. Searching several columns at once would read the whole table.
    searched: ClassVar[Sequence[tuple[str, str]]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return IndexedChangeList

    def get_searched(self) -> Sequence[tuple[str, str]]:
        return self.searched

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Django shows the search box where there are any."""
        return [lookup for _, lookup in self.get_searched()] or super().get_search_fields(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        text, searched = search_term.strip(), self.get_searched()
        if not searched or not text:
            return super().get_search_results(request, queryset, search_term)
        for pattern, lookup in searched:
            if re.fullmatch(pattern, text, re.DOTALL):
                try:
                    return queryset.filter(**{lookup: text}), False
                except (ValueError, ValidationError):
                    break  # no value of the column
        return queryset.none(), False
