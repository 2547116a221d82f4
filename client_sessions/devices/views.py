"""The endpoints of the reference server's resources, each narrowed to what the caller may see."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from client_sessions import resources
from client_sessions.devices.connect import connect_path
from client_sessions.devices.filters import filter_accounts, filter_devices, filter_identities, filter_webviews
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from client_sessions.devices.serializers import (
    connect_webview_object,
    connected_account_object,
    device_object,
    user_identity_object,
    workspace_object,
)
from client_sessions.models import ClientSession, NotLive, PersonalAccess
from client_sessions.seam.base_view import SeamView
from client_sessions.seam.errors import SeamError, Validation, invalid
from client_sessions.seam.links import absolute_url
from client_sessions.seam.metadata import Metadata, MetadataFilter
from client_sessions.seam.pagination import PAGE_PARAMETERS, page_of
from client_sessions.seam.parameters import Parameters
from sessions_core.db.transactions import atomic
from sessions_core.http.parameters import Choice, Email, Flag, Instant, Text, Texts, Unsupported, Url
from sessions_core.models import with_policies

__all__ = ["ConnectWebviewsView", "ConnectedAccountsView", "DevicesView", "UserIdentitiesView", "WorkspacesView"]

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
    search=Text(min_length=1),
    custom_metadata_has=MetadataFilter(),
    space_id=Unsupported(),
    unstable_location_id=Unsupported(),
    **PAGE_PARAMETERS,
)
GET_DEVICE = Parameters(device_id=Text(), name=Text(min_length=1))
LIST_ACCOUNTS = Parameters(
    user_identifier_key=Text(min_length=1),
    customer_key=Text(min_length=1),
    search=Text(min_length=1),
    custom_metadata_has=MetadataFilter(),
    space_id=Unsupported(),
    **PAGE_PARAMETERS,
)
GET_ACCOUNT = Parameters(connected_account_id=Text(), email=Text(min_length=1))
DELETE_ACCOUNT = Parameters(connected_account_id=Text(required=True))
CREATE_WEBVIEW = Parameters(
    accepted_providers=Texts(item=Text(max_length=50), max_length=50),
    accepted_capabilities=Texts(item=Text(max_length=50), max_length=50),
    automatically_manage_new_devices=Flag(),
    custom_metadata=Metadata(),
    custom_redirect_url=Url(),
    custom_redirect_failure_url=Url(),
    customer_key=Text(min_length=1, max_length=200),
    device_selection_mode=Choice(options=tuple(ConnectWebview.DeviceSelection)),
    wait_for_device_creation=Flag(),
)
GET_WEBVIEW = Parameters(connect_webview_id=Text())
LIST_WEBVIEWS = Parameters(
    user_identifier_key=Text(min_length=1),
    customer_key=Text(min_length=1),
    search=Text(min_length=1),
    custom_metadata_has=MetadataFilter(),
    **PAGE_PARAMETERS,
)
CREATE_IDENTITY = Parameters(
    user_identity_key=Text(min_length=1, max_length=200, nullable=True),
    email_address=Email(max_length=254, nullable=True),
    phone_number=Text(max_length=40, nullable=True),
    full_name=Text(max_length=200, nullable=True),
)
LIST_IDENTITIES = Parameters(
    user_identity_ids=Texts(),
    search=Text(min_length=1),
    created_before=Instant(),
    credential_manager_acs_system_id=Unsupported(),
    **PAGE_PARAMETERS,
)
ONE_DEVICE_OF_IDENTITY = Parameters(
    user_identity_id=Text(), user_identity_key=Text(min_length=1), device_id=Text(required=True)
)
ONE_IDENTITY = Parameters(user_identity_id=Text(), user_identity_key=Text(min_length=1))

# Webviews that a session's token may have made and not finished.
MOST_PENDING = 50


class DevicesView(SeamView):
    def list(self, request: Request) -> Response:
        values = LIST_DEVICES.read(request)
        devices = self.visible(Device.objects.all(), user_identifier_key=values.get("user_identifier_key"))
        page = page_of(filter_devices(devices, values), request, values, auth=self.auth)
        return self.ok(devices=[device_object(device) for device in page.rows], pagination=page.pagination)

    def retrieve(self, request: Request) -> Response:
        values = GET_DEVICE.read(request)
        device = _only(self.visible(Device.objects.all()), "device", values, columns={"name": "name"})
        return self.ok(device=device_object(device))


class ConnectedAccountsView(SeamView):
    def list(self, request: Request) -> Response:
        values = LIST_ACCOUNTS.read(request)
        accounts = self.visible(
            ConnectedAccount.objects.select_related("customer"), user_identifier_key=values.get("user_identifier_key")
        )
        page = page_of(filter_accounts(accounts, values), request, values, auth=self.auth)
        return self.ok(
            connected_accounts=[connected_account_object(account) for account in page.rows], pagination=page.pagination
        )

    def retrieve(self, request: Request) -> Response:
        values = GET_ACCOUNT.read(request)
        accounts = self.visible(ConnectedAccount.objects.select_related("customer"))
        account = _only(accounts, "connected_account", values, columns={"email": "email"})
        return self.ok(connected_account=connected_account_object(account))

    def destroy(self, request: Request) -> Response:
        """Its devices go with it, and it leaves every session."""
        values = DELETE_ACCOUNT.read(request)
        account = _only(self.visible(ConnectedAccount.objects.all()), "connected_account", values, columns={})
        account.remove()
        return self.ok()


class ConnectWebviewsView(SeamView):
    def create(self, request: Request) -> Response:
        values = CREATE_WEBVIEW.read(request)
        workspace, customer_key = self.auth.workspace, values.get("customer_key")
        with atomic():
            webview = ConnectWebview.objects.create(
                workspace=workspace,
                customer=self._customer(customer_key) if customer_key else None,
                accepted_providers=values.get("accepted_providers", []),
                accepted_capabilities=values.get("accepted_capabilities", []),
                automatically_manages_new_devices=values.get("automatically_manage_new_devices", True),
                custom_metadata=values.get("custom_metadata", {}),
                custom_redirect_url=values.get("custom_redirect_url", ""),
                custom_redirect_failure_url=values.get("custom_redirect_failure_url", ""),
                device_selection_mode=values.get("device_selection_mode", ConnectWebview.DeviceSelection.NONE),
                waits_for_device_creation=values.get("wait_for_device_creation", False),
            )
            if isinstance(self.auth, ClientSession):
                self._give(webview, self.auth)
        return self.ok(connect_webview=self._object(webview))

    def retrieve(self, request: Request) -> Response:
        values = GET_WEBVIEW.read(request)
        return self.ok(connect_webview=self._object(_only(self._webviews(), "connect_webview", values, columns={})))

    def list(self, request: Request) -> Response:
        values = LIST_WEBVIEWS.read(request)
        webviews = self._webviews(user_identifier_key=values.get("user_identifier_key"))
        page = page_of(filter_webviews(webviews, values), request, values, auth=self.auth)
        return self.ok(connect_webviews=[self._object(webview) for webview in page.rows], pagination=page.pagination)

    def _webviews(self, *, user_identifier_key: str | None = None) -> QuerySet[ConnectWebview]:
        webviews = ConnectWebview.objects.select_related("connected_account", "customer")
        return self.visible(webviews, user_identifier_key=user_identifier_key)

    def _give(self, webview: ConnectWebview, session: ClientSession) -> None:
        try:
            session.grant({"connect_webview": [str(webview.pk)]}, actor=session.actor)
        except NotLive:  # it ended since it was authenticated
            raise SeamError("client_session_revoked") from None
        # Whoever grants holds the session, so this counts one after the other.
        if self._webviews().filter(connected_account=None, authorized_at=None).count() > MOST_PENDING:
            raise SeamError("invalid_options", f"{MOST_PENDING} webviews of this session wait to be authorised.")

    def _customer(self, key: str) -> Customer:
        """The customer whose account this is to become. A session may name no other than its own."""
        if isinstance(self.auth, ClientSession):
            customer = self.visible(Customer.objects.all()).filter(key=key).first()
            if customer is None:
                raise SeamError("customer_not_found")
            return customer
        return Customer.objects.get_or_create(workspace=self.auth.workspace, key=key)[0]

    def _object(self, webview: ConnectWebview) -> dict[str, Any]:
        return connect_webview_object(webview, url=absolute_url(self.request, connect_path(webview)))


class WorkspacesView(SeamView):
    def retrieve(self, request: Request) -> Response:
        return self.ok(workspace=workspace_object(self.auth.workspace))

    def list(self, request: Request) -> Response:
        auth = self.auth
        theirs = (
            auth.token.workspaces.select_related(*with_policies())
            if isinstance(auth, PersonalAccess)
            else [auth.workspace]
        )
        return self.ok(workspaces=[workspace_object(workspace) for workspace in theirs])


class UserIdentitiesView(SeamView):
    def create(self, request: Request) -> Response:
        values = CREATE_IDENTITY.read(request)
        try:
            with atomic():
                identity = UserIdentity.objects.create(
                    workspace=self.auth.workspace,
                    key=values.get("user_identity_key"),
                    email_address=values.get("email_address") or "",
                    phone_number=values.get("phone_number") or "",
                    full_name=values.get("full_name") or "",
                )
        except IntegrityError:
            raise invalid("user_identity_key", "Another user identity has it") from None
        return self.ok(user_identity=user_identity_object(identity))

    def list(self, request: Request) -> Response:
        values = LIST_IDENTITIES.read(request)
        identities = filter_identities(self.visible(UserIdentity.objects.all()), values)
        page = page_of(identities, request, values, auth=self.auth)
        return self.ok(
            user_identities=[user_identity_object(identity) for identity in page.rows], pagination=page.pagination
        )

    def grant_access_to_device(self, request: Request) -> Response:
        identity, device = self._identity_and_device(request)
        try:
            with atomic():
                list(Device.objects.select_for_update(no_key=True).filter(pk=device.pk))
                identity.devices.add(device)
        except IntegrityError:  # it was deleted since it was found
            raise SeamError("device_not_found") from None
        return self.ok()

    def revoke_access_to_device(self, request: Request) -> Response:
        identity, device = self._identity_and_device(request)
        identity.devices.remove(device)
        return self.ok()

    def list_accessible_devices(self, request: Request) -> Response:
        devices = self._identity(ONE_IDENTITY.read(request)).devices.order_by("created_at", "id")
        shown = [device_object(device) for device in devices]
        # SDKs read the first name; Seam's own answer has the second one too.
        return self.ok(devices=shown, accessible_devices=shown)

    def _identity_and_device(self, request: Request) -> tuple[UserIdentity, Device]:
        values = ONE_DEVICE_OF_IDENTITY.read(request)
        identity = self._identity({name: value for name, value in values.items() if name != "device_id"})
        device = _only(self.visible(Device.objects.all()), "device", {"device_id": values["device_id"]}, columns={})
        return identity, device

    def _identity(self, selectors: Mapping[str, Any]) -> UserIdentity:
        identities = self.visible(UserIdentity.objects.all())
        return _only(identities, "user_identity", selectors, columns={"user_identity_key": "key"})


def _only(rows: QuerySet[M], resource_type: str, values: Mapping[str, Any], *, columns: Mapping[str, str]) -> M:
    """The oldest row that all the given selectors name. Raises SeamError if none does, or nothing selects."""
    id_name = f"{resource_type}_id"
    if not values:
        Validation.refuse(f"Give {' or '.join([id_name, *columns])}")
    if id_name in values:
        rows = rows.filter(pk__in=resources.known(resource_type, [values[id_name]]))
    row = rows.filter(**{column: values[name] for name, column in columns.items() if name in values}).first()
    if row is None:
        raise SeamError(f"{resource_type}_not_found")
    return row
