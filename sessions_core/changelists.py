"""Admin lists whose cost does not grow with the table: no full count, no sorting by any column, no distinct values."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.functional import cached_property
from django.utils.translation import gettext

from sessions_core.console.console_permissions import Refused, permission_for, recording_refusals
from sessions_core.console.keysets import Keyset
from sessions_core.models import Workspace

__all__ = ["BY_WORKSPACE", "SHORT_PATTERN", "UUID_PATTERN", "BoundedAdmin", "KeysetChangeList", "bounded_count"]

# A UUID as Django reads it, with or without hyphens.
UUID_PATTERN = r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"

# The public part of a key or token.
SHORT_PATTERN = r"[1-9A-HJ-NP-Za-km-z]{8}"

# Maximum number of rows that a list counts and paginates. Filters and searches find the others.
MOST_COUNTED = 1000

# The parameter with the position after the last row of a page.
AFTER = "after"

# Maximum number of workspaces that the filter offers. `?workspace__id__exact=` accepts any workspace.
MOST_WORKSPACES = 100


class MoreThan(int):
    """A count that stopped above ``MOST_COUNTED``."""

    def __str__(self) -> str:
        return gettext("more than %(count)s") % {"count": f"{self - 1:,}"}


def bounded_count(rows: Any) -> int:
    """Return the number of these rows, which is printed as "more than 1,000" if there are more: one query."""
    counted: int = rows.order_by()[: MOST_COUNTED + 1].count()
    return MoreThan(counted) if counted > MOST_COUNTED else counted


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        # Only keys: annotations of the rows may be sub-queries that cost more than the count.
        return bounded_count(rows.values("pk"))

    @cached_property
    def num_pages(self) -> int:
        return -(-min(int(self.count), MOST_COUNTED) // self.per_page) or 1


class KeysetChangeList(ChangeList):
    """Pages by the position after the last row, at any depth for the cost of the first page. The only order is that of
    an index of the model, and ``?o=`` is ignored.

    A filter or lookup that no index serves reads at most ``most_scanned`` rows for a page; the next page goes on after
    them.
    """

    next_url: str | None = None
    first_url: str | None = None
    # True if the page ends because it read ``most_scanned`` rows.
    is_cut: bool = False

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        query = request.GET.copy()
        after = query.pop(AFTER, None)  # otherwise an unknown lookup; links of filters begin at the first page
        for ignored in (PAGE_VAR, ORDER_VAR, ALL_VAR):
            query.pop(ignored, None)
        request.GET = query  # type: ignore[assignment]  # a copy
        self.after = after[-1] if after else None
        super().__init__(request, *args, **kwargs)

    def get_results(self, request: HttpRequest) -> None:
        size, keyset = self.list_per_page, Keyset.of(self.queryset)
        try:
            position = None if self.after is None else keyset.position_in(self.after)
        except ValueError:
            raise IncorrectLookupParameters from None
        if position is not None:
            self.first_url = self.get_query_string()
        last = self._last_to_scan(request, keyset, position)
        found = self.queryset if last is None else self.queryset.filter(keyset.until(last))
        rows = keyset.rows_after(found, position, size + 1)
        if len(rows) > size:
            self.next_url = self.get_query_string({AFTER: keyset.text_of(rows[size - 1])})
        elif last is not None:
            self.next_url, self.is_cut = self.get_query_string({AFTER: keyset.text_of_position(last)}), True
        counted = found if last is None or position is None else found.filter(keyset.beyond(position))
        self.result_list = rows[:size]
        self.result_count = BoundedPaginator(counted, size).count
        # If they are equal, Django does not offer to show all.
        self.full_result_count = None if self.params else self.result_count
        self.show_full_result_count = False
        self.show_admin_actions, self.can_show_all, self.multi_page = True, False, False
        self.paginator = BoundedPaginator(self.result_list, size)

    def _last_to_scan(self, request: HttpRequest, keyset: Keyset, position: Any) -> "tuple[Any, ...] | None":
        """Return the position of the last row that this page reads, or None if it need not stop: an index serves the
        filters, or there are not so many rows."""
        page: Any = self.model_admin
        filters: Any = self.filter_specs
        used = {name for each in filters for name in each.used_parameters}
        others = {name for name in self.get_filters_params() if name not in used}
        scans = others or any(each.used_parameters and not getattr(each, "is_indexed", False) for each in filters)
        is_found = self.query or any(_is_by_index(self.model, name) for name in others)
        if is_found or not scans:
            return None
        rows = self.root_queryset.order_by(*self.queryset.query.order_by)
        for each in filters:
            if each.used_parameters and getattr(each, "is_indexed", False):
                rows = each.queryset(request, rows)
        return keyset.last_of(rows, position, page.most_scanned)


def _is_by_index(model: type[Model], lookup: str) -> bool:
    """Return True if this lookup names values of a column that begins an index of all rows."""
    name, _, rest = lookup.partition("__")
    if rest not in ("", "exact", "in", "id__exact"):
        return False
    columns: Any = model._meta.concrete_fields
    indexes = [index for index in model._meta.indexes if index.fields and index.condition is None]
    indexed = {each.name for each in columns if each.unique or each.db_index}
    return name in {"pk", *indexed, *(index.fields[0].lstrip("-") for index in indexes)}


class WorkspaceFilter(admin.RelatedFieldListFilter):
    """Offers the first workspaces by name."""

    is_indexed = True

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        offered = list(Workspace.objects.order_by("name", "id")[:MOST_WORKSPACES])
        return [(workspace.pk, str(workspace)) for workspace in offered]


BY_WORKSPACE = ("workspace", WorkspaceFilter)


class BoundedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """``ordering`` must be the order of an index that begins with the workspace, or of the primary key."""

    change_list_template = "sessions_core/console/change_list.html"
    paginator = BoundedPaginator  # of autocomplete fields
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    sortable_by = ()

    # Maximum number of rows that a page reads for a filter without ``is_indexed``.
    most_scanned: ClassVar[int] = 10_000

    # Exact lookups on indexed columns: pairs of a pattern and a lookup. Of those whose pattern matches the whole search
    # text, the first that finds a row counts.
    searched: ClassVar[Sequence[tuple[str, str]]] = ()

    # Columns searched for a part of their text, ignoring case. No index helps, so only the first rows are read.
    names: ClassVar[Sequence[str]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    @property
    def urls(self) -> list[URLPattern]:
        """Return the addresses of all pages, also those that a subclass adds. Each records what it refuses."""
        return [recording_refusals(pattern) for pattern in self.get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if ERROR_FLAG in request.GET:
            text = gettext("The address has an unknown or invalid filter. This list is not filtered.")
            self.message_user(request, text, messages.ERROR)
        # Django answers an action that the menu does not offer with 200 and no message.
        named = set(filter(None, request.POST.getlist("action")))
        if named and (forged := named - self.get_actions(request).keys()):
            raise Refused(self.permission_of(min(forged)))
        return super().changelist_view(request, extra_context)

    def permission_of(self, action: str) -> str:
        """Return the permission that this action of the list needs: that of ``delete_selected``, Django's only one."""
        return permission_for("delete", self.model)

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
