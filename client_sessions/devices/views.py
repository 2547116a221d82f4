"""The endpoints of the sample resources. Each is limited to the rows that the caller may see."""

from typing import Any

from django.db import IntegrityError
from rest_framework.request import Request

from client_sessions.devices.filters import (
    ConnectedAccountFilter,
    ConnectWebviewFilter,
    DeviceFilter,
    UserIdentityFilter,
)
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from client_sessions.devices.resource_view import ResourceView
from client_sessions.devices.serializers import (
    ConnectedAccountSerializer,
    ConnectWebviewSerializer,
    DeviceSerializer,
    UserIdentitySerializer,
    workspace_object,
)
from client_sessions.models import ClientSession, NotLive
from client_sessions.models.personal_access_tokens import PersonalAccess
from client_sessions.scoping import visible_to
from client_sessions.seam.base_view import SeamView
from client_sessions.seam.errors import SeamError, invalid
from client_sessions.seam.metadata import Metadata, MetadataFilter
from client_sessions.seam.pagination import PAGE_PARAMETERS
from client_sessions.seam.parameters import Parameters
from sessions_core.db.transactions import atomic
from sessions_core.http.parameters import Choice, Email, Flag, Instant, Text, Texts, Unsupported, Url
from sessions_core.http.responses import Response
from sessions_core.models.policies import with_policies

__all__ = ["ConnectWebviewsView", "ConnectedAccountsView", "DevicesView", "UserIdentitiesView", "WorkspacesView"]

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

# Maximum number of pending webviews of a session.
MOST_PENDING = 50


class DevicesView(ResourceView[Device]):
    queryset = Device.objects.all()
    serializer_class = DeviceSerializer
    filterset_class = DeviceFilter
    parameters = {"list": LIST_DEVICES, "retrieve": GET_DEVICE}
    selectors = ("device_id", "name")
    object_name, list_name = "device", "devices"


class ConnectedAccountsView(ResourceView[ConnectedAccount]):
    queryset = ConnectedAccount.objects.select_related("customer")
    serializer_class = ConnectedAccountSerializer
    filterset_class = ConnectedAccountFilter
    parameters = {"list": LIST_ACCOUNTS, "retrieve": GET_ACCOUNT, "destroy": DELETE_ACCOUNT}
    selectors = ("connected_account_id", "email")
    object_name, list_name = "connected_account", "connected_accounts"

    def destroy(self, request: Request) -> Response:
        """Delete the account, its devices and their grants."""
        self.get_object().remove()
        return self.ok()


class ConnectWebviewsView(ResourceView[ConnectWebview]):
    queryset = ConnectWebview.objects.select_related("connected_account", "customer")
    serializer_class = ConnectWebviewSerializer
    filterset_class = ConnectWebviewFilter
    parameters = {"create": CREATE_WEBVIEW, "list": LIST_WEBVIEWS, "retrieve": GET_WEBVIEW}
    selectors = ("connect_webview_id",)
    object_name, list_name = "connect_webview", "connect_webviews"

    def create(self, request: Request) -> Response:
        values = self.values
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
                self._grant_to_session(webview, self.auth)
        return self.ok_object(webview)

    def _grant_to_session(self, webview: ConnectWebview, session: ClientSession) -> None:
        try:
            session.grant({"connect_webview": [str(webview.pk)]}, actor=session.actor)
        except NotLive:  # the session ended after it was authenticated
            raise SeamError("client_session_revoked") from None
        # ``grant`` locks the session, so concurrent requests count one after another.
        webviews = visible_to(session, ConnectWebview.objects.all())
        if webviews.filter(connected_account=None, authorized_at=None).count() > MOST_PENDING:
            raise SeamError("invalid_options", f"{MOST_PENDING} webviews of this session wait to be authorised.")

    def _customer(self, key: str) -> Customer:
        """Return the customer with this key. A client session may use only its own customer. Raise SeamError."""
        if isinstance(self.auth, ClientSession):
            customer = visible_to(self.auth, Customer.objects.all()).filter(key=key).first()
            if customer is None:
                raise SeamError("customer_not_found")
            return customer
        return Customer.objects.get_or_create(workspace=self.auth.workspace, key=key)[0]


class WorkspacesView(SeamView):
    def retrieve(self, request: Request) -> Response:
        return self.ok(workspace=workspace_object(self.auth.workspace))

    def list(self, request: Request) -> Response:
        auth = self.auth
        workspaces: Any = (
            auth.token.workspaces.select_related(*with_policies())
            if isinstance(auth, PersonalAccess)
            else [auth.workspace]
        )
        return self.ok(workspaces=[workspace_object(each) for each in workspaces])


class UserIdentitiesView(ResourceView[UserIdentity]):
    queryset = UserIdentity.objects.all()
    serializer_class = UserIdentitySerializer
    filterset_class = UserIdentityFilter
    parameters = {
        "create": CREATE_IDENTITY,
        "list": LIST_IDENTITIES,
        "grant_access_to_device": ONE_DEVICE_OF_IDENTITY,
        "revoke_access_to_device": ONE_DEVICE_OF_IDENTITY,
        "list_accessible_devices": ONE_IDENTITY,
    }
    selectors = ("user_identity_id", "user_identity_key")
    object_name, list_name = "user_identity", "user_identities"

    def create(self, request: Request) -> Response:
        values = self.values
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
        return self.ok_object(identity)

    def grant_access_to_device(self, request: Request) -> Response:
        identity, device = self.get_object(), self._device()
        try:
            with atomic():
                list(Device.objects.select_for_update(no_key=True).filter(pk=device.pk))
                identity.devices.add(device)
        except IntegrityError:  # the device was deleted after the query
            raise SeamError("device_not_found") from None
        return self.ok()

    def revoke_access_to_device(self, request: Request) -> Response:
        identity, device = self.get_object(), self._device()
        identity.devices.remove(device)
        return self.ok()

    def list_accessible_devices(self, request: Request) -> Response:
        devices: Any = self.get_object().devices.order_by("created_at", "id")
        accessible = DeviceSerializer(devices, many=True).data
        # SDKs read ``devices``; Seam's response also has ``accessible_devices``.
        return self.ok(devices=accessible, accessible_devices=accessible)

    def _device(self) -> Device:
        """Return the device of the request. Raise SeamError."""
        devices = visible_to(self.auth, Device.objects.all())
        device: Device | None = DeviceFilter({"device_id": self.values["device_id"]}, devices).qs.first()
        if device is None:
            raise SeamError("device_not_found")
        return device
