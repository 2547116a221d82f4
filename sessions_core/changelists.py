"""Admin lists whose cost does not grow with the table: no full count, no sorting by any column, no distinct values."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.functional import cached_property
from django.utils.translation import gettext

from sessions_core.console.console_permissions import recording_refusals
from sessions_core.models import Workspace
from sessions_core.texts import is_storable

__all__ = ["BY_WORKSPACE", "SHORT_PATTERN", "UUID_PATTERN", "BoundedAdmin"]

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


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: MOST_COUNTED + 1].count()
        return MoreThan(counted) if counted > MOST_COUNTED else counted

    @cached_property
    def num_pages(self) -> int:
        return -(-min(int(self.count), MOST_COUNTED) // self.per_page) or 1


class KeysetChangeList(ChangeList):
    """Pages by the position after the last row, at any depth for the cost of the first page. The only order is that of
    an index of the model, and ``?o=`` is ignored."""

    next_url: str | None = None
    first_url: str | None = None

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        query = request.GET.copy()
        after = query.pop(AFTER, None)  # otherwise an unknown lookup; links of filters begin at the first page
        for ignored in (PAGE_VAR, ORDER_VAR, ALL_VAR):
            query.pop(ignored, None)
        request.GET = query  # type: ignore[assignment]  # a copy
        self.after = after[-1] if after else None
        super().__init__(request, *args, **kwargs)

    def get_results(self, request: HttpRequest) -> None:
        size, columns = self.list_per_page, columns_of(self.queryset)
        if self.after is None:
            rows = list(self.queryset[: size + 1])
        else:
            rows = rows_after(self.queryset, columns, _position(self.queryset.model, columns, self.after), size + 1)
            self.first_url = self.get_query_string()
        if len(rows) > size:
            self.next_url = self.get_query_string({AFTER: _text_of(rows[size - 1], columns)})
        self.result_list = rows[:size]
        self.result_count = BoundedPaginator(self.queryset, size).count
        self.full_result_count, self.show_full_result_count = None, False
        self.show_admin_actions, self.can_show_all, self.multi_page = True, False, False
        self.paginator = BoundedPaginator(self.result_list, size)


Columns = list[tuple[str, bool]]


def columns_of(queryset: QuerySet[Any]) -> Columns:
    """Return the columns of the order, each with True if it descends."""
    return [(str(name).lstrip("-"), str(name).startswith("-")) for name in queryset.query.order_by]


def rows_after(queryset: QuerySet[Any], columns: Columns, position: Sequence[Any], most: int) -> list[Any]:
    """Return the next rows in order. Each query reads one range of an index: those that begin with all values of the
    position but the last two, then those with fewer of them."""
    rows: list[Any] = []
    for fixed in reversed(range(max(len(columns) - 1, 1))):
        same = {name: value for (name, _), value in zip(columns[:fixed], position, strict=False)}
        beyond = _beyond(
            columns[fixed : fixed + 2] if fixed == len(columns) - 2 else columns[fixed : fixed + 1], position[fixed:]
        )
        rows += queryset.filter(beyond, **same)[: most - len(rows)]
        if len(rows) >= most:
            break
    return rows


def _beyond(columns: Columns, position: Sequence[Any]) -> Q:
    """Return the condition for rows after the position, as a range of the first column."""
    (name, descends), *others = columns
    beyond = Q(**{f"{name}__{'lt' if descends else 'gt'}": position[0]})
    if not others:
        return beyond
    bound = Q(**{f"{name}__{'lte' if descends else 'gte'}": position[0]})
    return bound & (beyond | _beyond(others, position[1:]))


def _text_of(row: Model, columns: Columns) -> str:
    return json.dumps([getattr(row, name) for name, _ in columns], cls=DjangoMicroseconds, separators=(",", ":"))


class DjangoMicroseconds(json.JSONEncoder):
    """Writes times exactly, which Django's encoder cuts to milliseconds."""

    def default(self, o: Any) -> str:
        return o.isoformat() if isinstance(o, datetime) else str(o)


def _position(model: type[Model], columns: Columns, text: str) -> list[Any]:
    """Return the values of ``?after=``. Raise IncorrectLookupParameters, so that Django shows the first page."""
    try:
        given = json.loads(text)
        if not isinstance(given, list) or len(given) != len(columns):
            raise ValueError(text)
        return [_value(model, name, value) for (name, _), value in zip(columns, given, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError):
        raise IncorrectLookupParameters from None


def _value(model: type[Model], name: str, given: Any) -> Any:
    value = model._meta.get_field(name).to_python(given)  # type: ignore[union-attr]
    is_unusable = isinstance(value, str) and not is_storable(value)
    if value is None or is_unusable or (isinstance(value, datetime) and value.tzinfo is None):
        raise ValueError(name)
    return value


class WorkspaceFilter(admin.RelatedFieldListFilter):
    """Offers the first workspaces by name."""

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
        return super().changelist_view(request, extra_context)

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
