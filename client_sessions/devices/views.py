"""Reads of devices, connected accounts and the workspace, each narrowed to what the caller may see."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from client_sessions import resources
from client_sessions.api import ScopedView
from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.devices.serializers import connected_account_object, device_object, workspace_object
from client_sessions.errors import ApiError, Validation
from client_sessions.pagination import PAGE_PARAMETERS, page_of
from client_sessions.parameters import Instant, Parameters, Text, Texts

__all__ = ["ConnectedAccountsView", "DevicesView", "WorkspacesView"]

M = TypeVar("M", bound=Model)

LIST_DEVICES = Parameters(
    device_ids=Texts(),
    connected_account_id=Text(),
    connected_account_ids=Texts(),
    connect_webview_id=Text(),
    device_type=Text(),
    device_types=Texts(),
    manufacturer=Text(),
    user_identifier_key=Text(min_length=1),
    customer_key=Text(min_length=1),
    created_before=Instant(),
    search=Text(),
    **PAGE_PARAMETERS,
)
GET_DEVICE = Parameters(device_id=Text(), name=Text())
LIST_ACCOUNTS = Parameters(
    user_identifier_key=Text(min_length=1),
    customer_key=Text(min_length=1),
    search=Text(),
    **PAGE_PARAMETERS,
)
GET_ACCOUNT = Parameters(connected_account_id=Text(), email=Text())

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


class DevicesView(ScopedView):
    def list(self, request: Request) -> Response:
        values = LIST_DEVICES.read(request)
        devices = self.visible(Device.objects.all(), user_identifier_key=values.get("user_identifier_key"))
        for name, (resource_type, path) in DEVICE_IDS.items():
            if name in values:
                ids = values[name] if isinstance(values[name], list) else [values[name]]
                devices = devices.filter(**{f"{path}__in": resources.known(resource_type, ids)})
        devices = devices.filter(**{column: values[name] for name, column in DEVICE_COLUMNS.items() if name in values})
        if search := values.get("search"):
            devices = devices.filter(Q(name__icontains=search) | Q(manufacturer__icontains=search))
        page = page_of(devices, request, values, auth=self.auth)
        return self.ok(devices=[device_object(device) for device in page.rows], pagination=page.pagination)

    def retrieve(self, request: Request) -> Response:
        values = GET_DEVICE.read(request)
        device = _only(self.visible(Device.objects.all()), "device", values, columns={"name": "name"})
        return self.ok(device=device_object(device))


class ConnectedAccountsView(ScopedView):
    def list(self, request: Request) -> Response:
        values = LIST_ACCOUNTS.read(request)
        accounts = self.visible(
            ConnectedAccount.objects.select_related("customer"), user_identifier_key=values.get("user_identifier_key")
        )
        if "customer_key" in values:
            accounts = accounts.filter(customer__key=values["customer_key"])
        if search := values.get("search"):
            accounts = accounts.filter(Q(display_name__icontains=search) | Q(email__icontains=search))
        page = page_of(accounts, request, values, auth=self.auth)
        return self.ok(
            connected_accounts=[connected_account_object(account) for account in page.rows], pagination=page.pagination
        )

    def retrieve(self, request: Request) -> Response:
        values = GET_ACCOUNT.read(request)
        accounts = self.visible(ConnectedAccount.objects.select_related("customer"))
        account = _only(accounts, "connected_account", values, columns={"email": "email"})
        return self.ok(connected_account=connected_account_object(account))


class WorkspacesView(ScopedView):
    def retrieve(self, request: Request) -> Response:
        return self.ok(workspace=workspace_object(self.auth.workspace))


def _only(rows: QuerySet[M], resource_type: str, values: Mapping[str, Any], *, columns: Mapping[str, str]) -> M:
    """The oldest row that all the given selectors name. Raises ApiError if none does, or nothing selects."""
    id_name = f"{resource_type}_id"
    if not values:
        validation = Validation()
        validation.add(f"Give {' or '.join([id_name, *columns])}")
        validation.raise_if_any()
    if id_name in values:
        rows = rows.filter(pk__in=resources.known(resource_type, [values[id_name]]))
    row = rows.filter(**{column: values[name] for name, column in columns.items() if name in values}).first()
    if row is None:
        raise ApiError(f"{resource_type}_not_found")
    return row
