"""Admin lists whose cost does not grow with the table: no full count, no sorting by any column, no distinct values."""

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
from django.utils.translation import gettext

from sessions_core.models import Workspace

__all__ = ["BY_WORKSPACE", "SHORT_PATTERN", "UUID_PATTERN", "BoundedAdmin"]

# A UUID as Django reads it, with or without hyphens.
UUID_PATTERN = r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"

# The public part of a key or token.
SHORT_PATTERN = r"[1-9A-HJ-NP-Za-km-z]{8}"

# Maximum number of rows that a list counts and paginates. Filters and searches find the others.
MOST_COUNTED = 1000

# Maximum number of workspaces that the filter offers. `?workspace__id__exact=` accepts any workspace.
MOST_WORKSPACES = 100


class MoreThan(int):
    """A count that stopped above ``MOST_COUNTED``."""

    def __str__(self) -> str:
        return gettext("more than %(count)s") % {"count": f"{self - 1:,}"}


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
    """Ignores ``?o=``: the only order is that of an index of the model."""

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

    # Exact lookups on indexed columns: pairs of a pattern and a lookup. Of those whose pattern matches the whole search
    # text, the first that finds a row counts.
    searched: ClassVar[Sequence[tuple[str, str]]] = ()

    # Columns searched for a part of their text, ignoring case. No index helps, so only the first rows are read.
    names: ClassVar[Sequence[str]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return IndexedChangeList

    def get_searched(self) -> Sequence[tuple[str, str]]:
        return self.searched

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return the searched fields. Django shows the search box if there are any."""
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
                    continue  # not a valid value of the column
                if found.exists():  # otherwise the text may be a value of the next column
                    return found, False
        return queryset.filter(pk__in=self._primary_keys_by_name(queryset, text)), False

    def _primary_keys_by_name(self, queryset: QuerySet[Model], text: str) -> list[Any]:
        """Return the primary keys of those of the first rows that contain the text in a name."""
        rows = queryset.values_list("pk", *self.names)[:MOST_COUNTED] if self.names else ()
        text = text.casefold()
        return [pk for pk, *names in rows if any(text in (name or "").casefold() for name in names)]


def _by_index(model: type[Model], lookup: str, text: str) -> dict[str, Any]:
    """Return filter arguments for this lookup. A lookup on another table, such as a user name, first fetches the keys
    of a bounded number of its rows: with a join the database could choose a slow order."""
    relation, _, rest = lookup.partition("__")
    if not rest:
        return {lookup: text}
    related: Any = model._meta.get_field(relation).related_model
    found = _by_index(related, rest, text)
    newest_first = related._base_manager.filter(**found).order_by("-pk")
    return {f"{relation}__in": list(newest_first.values_list("pk", flat=True)[:MOST_COUNTED])}
