"""A FilterSet for each model, for lists and single reads.

The dialect parses and validates the values first (see ``resource_view``), so these filters do not.
"""

import json
from collections.abc import Mapping
from copy import copy
from typing import Any, Self, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Replace
from django.db.models.lookups import Exact, IsNull
from django.db.models.sql.compiler import SQLCompiler
from django_filters import Filter, FilterSet

from client_sessions import resources
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Device, UserIdentity

__all__ = ["ConnectWebviewFilter", "ConnectedAccountFilter", "DeviceFilter", "UserIdentityFilter"]

M = TypeVar("M", bound=Model)


class GivenFilterSet(FilterSet):
    """Applies the filters whose parameters were given, without a form."""

    def __init__(self, data: Mapping[str, Any], queryset: QuerySet[Any], *, request: object = None) -> None:
        self.base_filters = {name: each for name, each in self.declared_filters.items() if name in data}
        super().__init__(data, queryset, request=request)

    def is_valid(self) -> bool:
        return True

    @property
    def qs(self) -> QuerySet[Any]:
        return self.filter_queryset(self.queryset)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for name, each in self.filters.items():
            queryset = each.filter(queryset, self.data[name])
        return queryset


class GivenFilter(Filter):
    """Matches the parsed value. The filters of django-filter ignore "" and [], which would return more rows than the
    caller asked for; this one matches them."""

    def __init__(self, field_name: str, lookup_expr: str = "exact") -> None:
        super().__init__(field_name, lookup_expr)

    def __deepcopy__(self, memo: object) -> Self:
        return copy(self)  # each FilterSet copies its filters; their attributes never change

    def filter(self, rows: QuerySet[M], value: Any) -> QuerySet[M]:
        return rows.filter(**{f"{self.field_name}__{self.lookup_expr}": value})


class IdFilter(GivenFilter):
    """Matches one or more ids of a registered resource type. Malformed ids match no row."""

    def __init__(self, resource_type: str, field_name: str = "pk") -> None:
        super().__init__(field_name, "in")
        self.resource_type = resource_type

    def filter(self, rows: QuerySet[M], value: Any) -> QuerySet[M]:
        ids = value if isinstance(value, list) else [value]
        return super().filter(rows, resources.matching(self.resource_type, ids))


class SearchFilter(GivenFilter):
    """Matches rows that contain the text in any of these fields."""

    def __init__(self, *field_names: str) -> None:
        super().__init__("")
        self.field_names = field_names

    def filter(self, rows: QuerySet[M], value: str) -> QuerySet[M]:
        return rows.filter(Q(*((f"{name}__icontains", value) for name in self.field_names), _connector=Q.OR))


class MembersFilter(GivenFilter):
    """Matches rows whose metadata has all these members. None matches a member that is not set."""

    def filter(self, rows: QuerySet[M], value: Mapping[str, str | None]) -> QuerySet[M]:
        for name, text in value.items():
            member = _MemberText(F(self.field_name), Value(name, output_field=TextField()))
            rows = rows.filter(IsNull(member, True) if text is None else Exact(member, text))
        return rows


class DeviceFilter(GivenFilterSet):
    device_id = IdFilter("device")
    device_ids = IdFilter("device")
    connected_account_id = IdFilter("connected_account", "connected_account")
    connected_account_ids = IdFilter("connected_account", "connected_account")
    connect_webview_id = IdFilter("connect_webview", "connected_account__connect_webviews")
    name = GivenFilter("name")
    device_type = GivenFilter("device_type")
    device_types = GivenFilter("device_type", "in")
    manufacturer = GivenFilter("manufacturer")
    customer_key = GivenFilter("connected_account__customer__key")
    created_before = GivenFilter("created_at", "lt")
    search = SearchFilter("name", "manufacturer")
    custom_metadata_has = MembersFilter("custom_metadata")

    class Meta:
        model = Device
        fields: list[str] = []


class ConnectedAccountFilter(GivenFilterSet):
    connected_account_id = IdFilter("connected_account")
    email = GivenFilter("email")
    customer_key = GivenFilter("customer__key")
    search = SearchFilter("display_name", "email")
    custom_metadata_has = MembersFilter("custom_metadata")

    class Meta:
        model = ConnectedAccount
        fields: list[str] = []


class ConnectWebviewFilter(GivenFilterSet):
    connect_webview_id = IdFilter("connect_webview")
    customer_key = GivenFilter("customer__key")
    search = Filter(method="matching")
    custom_metadata_has = MembersFilter("custom_metadata")

    class Meta:
        model = ConnectWebview
        fields: list[str] = []

    def matching(self, webviews: QuerySet[ConnectWebview], name: str, search: str) -> QuerySet[ConnectWebview]:
        """Search the id, the providers, the metadata and the customer's key, as Seam does."""
        matches = Q(customer__key__icontains=search)
        if hexadecimal := search.replace("-", ""):
            matches |= Q(id_text__icontains=hexadecimal)
        # PostgreSQL casts JSON to text with Unicode characters; SQLite has the stored text with ASCII escapes.
        for text in {search, json.dumps(search)[1:-1]}:
            matches |= Q(providers_text__icontains=text) | Q(metadata_text__icontains=text)
        return webviews.alias(
            id_text=Replace(Cast("id", TextField()), Value("-"), output_field=TextField()),
            providers_text=Cast("accepted_providers", TextField()),
            metadata_text=Cast("custom_metadata", TextField()),
        ).filter(matches)


class UserIdentityFilter(GivenFilterSet):
    user_identity_id = IdFilter("user_identity")
    user_identity_key = GivenFilter("key")
    user_identity_ids = IdFilter("user_identity")
    created_before = GivenFilter("created_at", "lt")
    search = SearchFilter("full_name", "email_address", "key")

    class Meta:
        model = UserIdentity
        fields: list[str] = []


class _MemberText(Func):
    """A member of a JSON object as text, or NULL if it is null or missing.

    Django's key transform treats a name such as ``0`` as an index, and one such as ``contains`` as a lookup.
    """

    output_field = TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" ->> ")

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Any:
        text = "CASE WHEN m.type IN ('true', 'false') THEN m.type ELSE CAST(m.value AS TEXT) END"
        template = f"(SELECT {text} FROM json_each(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") AS m WHERE m.key = (")
