"""How the parameters of a list narrow its rows."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Replace
from django.db.models.lookups import Exact, IsNull
from django.db.models.sql.compiler import SQLCompiler

from client_sessions import resources
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Device, UserIdentity

__all__ = ["filter_accounts", "filter_devices", "filter_identities", "filter_webviews"]

M = TypeVar("M", bound=Model)

# Parameter of devices/list -> the column it must match.
DEVICE_COLUMNS = {
    "device_type": "device_type",
    "device_types": "device_type__in",
    "manufacturer": "manufacturer",
    "customer_key": "connected_account__customer__key",
    "created_before": "created_at__lt",
}
# Parameter -> the resource type whose ids it takes, and the path to them.
DEVICE_IDS = {
    "device_ids": ("device", "pk"),
    "connected_account_id": ("connected_account", "connected_account"),
    "connected_account_ids": ("connected_account", "connected_account"),
    "connect_webview_id": ("connect_webview", "connected_account__connect_webviews"),
}


def filter_devices(devices: QuerySet[Device], values: Mapping[str, Any]) -> QuerySet[Device]:
    for name, (resource_type, path) in DEVICE_IDS.items():
        if name in values:
            ids = values[name] if isinstance(values[name], list) else [values[name]]
            devices = devices.filter(**{f"{path}__in": resources.known(resource_type, ids)})
    devices = devices.filter(**{column: values[name] for name, column in DEVICE_COLUMNS.items() if name in values})
    if search := values.get("search"):
        devices = devices.filter(Q(name__icontains=search) | Q(manufacturer__icontains=search))
    return _with_metadata(devices, values)


def filter_accounts(accounts: QuerySet[ConnectedAccount], values: Mapping[str, Any]) -> QuerySet[ConnectedAccount]:
    if "customer_key" in values:
        accounts = accounts.filter(customer__key=values["customer_key"])
    if search := values.get("search"):
        accounts = accounts.filter(Q(display_name__icontains=search) | Q(email__icontains=search))
    return _with_metadata(accounts, values)


def filter_webviews(webviews: QuerySet[ConnectWebview], values: Mapping[str, Any]) -> QuerySet[ConnectWebview]:
    if "customer_key" in values:
        webviews = webviews.filter(customer__key=values["customer_key"])
    if search := values.get("search"):
        webviews = webviews.alias(
            id_text=Replace(Cast("id", TextField()), Value("-"), output_field=TextField()),
            providers_text=Cast("accepted_providers", TextField()),
            metadata_text=Cast("custom_metadata", TextField()),
        ).filter(_webview_matches(search))
    return _with_metadata(webviews, values)


def filter_identities(identities: QuerySet[UserIdentity], values: Mapping[str, Any]) -> QuerySet[UserIdentity]:
    if "user_identity_ids" in values:
        identities = identities.filter(pk__in=resources.known("user_identity", values["user_identity_ids"]))
    if "created_before" in values:
        identities = identities.filter(created_at__lt=values["created_before"])
    if search := values.get("search"):
        identities = identities.filter(
            Q(full_name__icontains=search) | Q(email_address__icontains=search) | Q(key__icontains=search)
        )
    return identities


def _webview_matches(search: str) -> Q:
    """Seam searches the id, the providers, the metadata and the customer's key."""
    matches = Q(customer__key__icontains=search)
    if hexadecimal := search.replace("-", ""):
        matches |= Q(id_text__icontains=hexadecimal)
    # PostgreSQL shows JSON with characters as they are, SQLite as it was written, in ASCII.
    for text in {search, json.dumps(search)[1:-1]}:
        matches |= Q(providers_text__icontains=text) | Q(metadata_text__icontains=text)
    return matches


def _with_metadata(rows: QuerySet[M], values: Mapping[str, Any]) -> QuerySet[M]:
    """Those whose custom metadata has all the members that ``custom_metadata_has`` names."""
    for name, text in values.get("custom_metadata_has", {}).items():
        member = _MemberText(F("custom_metadata"), Value(name, output_field=TextField()))
        rows = rows.filter(IsNull(member, True) if text is None else Exact(member, text))
    return rows


class _MemberText(Func):
    """A member of a JSON object as text, NULL if it is null or missing.

    Django's own key look-up takes a name such as ``0`` for an index, and one such as ``contains`` for a look-up.
    """

    output_field = TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" ->> ")

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Any:
        text = "CASE WHEN m.type IN ('true', 'false') THEN m.type ELSE CAST(m.value AS TEXT) END"
        template = f"(SELECT {text} FROM json_each(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") AS m WHERE m.key = (")
