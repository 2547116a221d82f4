"""How resources look on the wire. Shapes only."""

from typing import Any

from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.serializers import instant
from sessions_core.models import Workspace

__all__ = ["connected_account_object", "device_object", "workspace_object"]


def device_object(device: Device) -> dict[str, Any]:
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
            "online": device.is_online,
            "manufacturer": device.manufacturer,
            "model": {"display_name": device.model_name or device.name, "manufacturer_display_name": maker},
            **({"locked": device.is_locked} if is_lock else {}),
        },
        "can_remotely_lock": is_lock,
        "can_remotely_unlock": is_lock,
        "errors": [],
        "warnings": [],
        "custom_metadata": device.custom_metadata,
        "space_ids": [],
    }


def connected_account_object(account: ConnectedAccount) -> dict[str, Any]:
    """Wants ``customer`` joined."""
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


def workspace_object(workspace: Workspace) -> dict[str, Any]:
    return {
        "workspace_id": str(workspace.pk),
        "name": workspace.name,
        "company_name": workspace.name,
        "connect_partner_name": None,
        "is_sandbox": workspace.is_sandbox,
        "is_suspended": False,
        "is_publishable_key_auth_enabled": workspace.allows_publishable_keys,
        "connect_webview_customization": {},
        "organization_id": None,
    }
