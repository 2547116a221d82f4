"""Read-only serializers of resources. The views parse the parameters."""

from typing import Any

from rest_framework.serializers import BaseSerializer

from client_sessions.devices.connect import connect_path
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Device, UserIdentity
from client_sessions.models import ClientSessionPolicy
from client_sessions.seam.links import absolute_url
from client_sessions.seam.shapes import instant
from sessions_core.models import Workspace

__all__ = [
    "ConnectWebviewSerializer",
    "ConnectedAccountSerializer",
    "DeviceSerializer",
    "UserIdentitySerializer",
    "workspace_object",
]


class DeviceSerializer(BaseSerializer[Device]):
    def to_representation(self, device: Device) -> dict[str, Any]:
        maker = device.manufacturer.replace("_", " ").title()
        is_lock = device.is_locked is not None
        return {
            "device_id": str(device.pk),
            "device_type": device.device_type,
            "display_name": device.name,
            "connected_account_id": str(device.connected_account_id),
            "workspace_id": str(device.workspace_id),
            "created_at": instant(device.created_at),
            "is_managed": True,
            "capabilities_supported": device.capabilities,
            "properties": {
                "name": device.name,
                "appearance": {"name": device.name},
                "online": device.is_online,
                "manufacturer": device.manufacturer,
                "model": {"display_name": device.model_name or device.name, "manufacturer_display_name": maker},
                **({"locked": device.is_locked} if is_lock else {}),
            },
            **({"can_remotely_lock": True, "can_remotely_unlock": True} if is_lock else {}),
            "errors": [],
            "warnings": [],
            "custom_metadata": device.custom_metadata,
            "space_ids": [],
        }


class ConnectedAccountSerializer(BaseSerializer[ConnectedAccount]):
    """Needs ``customer`` in ``select_related``, to avoid a query for each account."""

    def to_representation(self, account: ConnectedAccount) -> dict[str, Any]:
        return {
            "connected_account_id": str(account.pk),
            "workspace_id": str(account.workspace_id),
            "created_at": instant(account.created_at),
            "account_type": account.account_type,
            "account_type_display_name": account.account_type.replace("_", " ").title(),
            "display_name": account.display_name,
            "automatically_manage_new_devices": account.automatically_manages_new_devices,
            "accepted_capabilities": [],
            "custom_metadata": account.custom_metadata,
            "errors": [],
            "warnings": [],
            **({"user_identifier": {"email": account.email}} if account.email else {}),
            **({"customer_key": account.customer.key} if account.customer else {}),
        }


class ConnectWebviewSerializer(BaseSerializer[ConnectWebview]):
    def to_representation(self, webview: ConnectWebview) -> dict[str, Any]:
        is_authorized = webview.status == "authorized"
        return {
            "connect_webview_id": str(webview.pk),
            "workspace_id": str(webview.workspace_id),
            "created_at": instant(webview.created_at),
            "connected_account_id": str(webview.connected_account_id) if webview.connected_account_id else None,
            "url": absolute_url(self.context["request"], connect_path(webview)),
            "status": webview.status,
            "login_successful": is_authorized,
            "authorized_at": instant(webview.authorized_at) if webview.authorized_at else None,
            "selected_provider": webview.connected_account.account_type if webview.connected_account else None,
            "device_selection_mode": webview.device_selection_mode,
            "accepted_providers": webview.accepted_providers,
            "accepted_capabilities": webview.accepted_capabilities,
            "accepted_devices": [],
            "any_provider_allowed": not webview.accepted_providers,
            "any_device_allowed": True,
            "automatically_manage_new_devices": webview.automatically_manages_new_devices,
            "wait_for_device_creation": webview.waits_for_device_creation,
            "custom_redirect_url": webview.custom_redirect_url or None,
            "custom_redirect_failure_url": webview.custom_redirect_failure_url or None,
            "custom_metadata": webview.custom_metadata,
            **({"customer_key": webview.customer.key} if webview.customer else {}),
        }


class UserIdentitySerializer(BaseSerializer[UserIdentity]):
    def to_representation(self, identity: UserIdentity) -> dict[str, Any]:
        return {
            "user_identity_id": str(identity.pk),
            "user_identity_key": identity.key,
            "email_address": identity.email_address or None,
            "phone_number": identity.phone_number or None,
            "full_name": identity.full_name or None,
            "display_name": identity.full_name or identity.email_address or identity.phone_number or str(identity.pk),
            "created_at": instant(identity.created_at),
            "workspace_id": str(identity.workspace_id),
            "errors": [],
            "warnings": [],
            "acs_user_ids": [],
            "merged_user_identity_ids": [],
            "merged_user_identity_keys": [],
        }


def workspace_object(workspace: Workspace) -> dict[str, Any]:
    """Return the object ``workspace``. It needs no serializer: no view writes it."""
    return {
        "workspace_id": str(workspace.pk),
        "name": workspace.name,
        "company_name": workspace.name,
        "connect_partner_name": None,
        "is_sandbox": workspace.is_sandbox,
        "is_suspended": False,
        "is_publishable_key_auth_enabled": ClientSessionPolicy.of(workspace).allows_publishable_keys,
        "connect_webview_customization": {},
        "organization_id": None,
    }
