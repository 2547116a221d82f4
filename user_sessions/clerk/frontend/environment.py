"""The environment object, which SDKs request first: how to sign in, and which features are available."""

from typing import Any

from sessions_core.models import Workspace
from user_sessions.models import UserSessionPolicy
from user_sessions.users import sign_in_identifiers

__all__ = ["environment_object"]

# Clerk's account attributes. ``password`` is for setting and changing one; a sign-in lists it as a factor.
ATTRIBUTES = ["email_address", "phone_number", "username", "web3_wallet", "first_name", "last_name", "password"]
ATTRIBUTES += ["authenticator_app", "backup_code", "passkey"]


def environment_object(workspace: Workspace) -> dict[str, Any]:
    policy = UserSessionPolicy.of(workspace)
    return {
        "object": "environment",
        "auth_config": {
            "object": "auth_config",
            "id": f"aac_{workspace.pk.hex}",
            "single_session_mode": policy.single_session_mode,
            "claimed_at": None,
            "reverification": True,
            "session_minter": False,
        },
        "display_config": {
            "object": "display_config",
            "id": f"display_config_{workspace.pk.hex}",
            "application_name": workspace.name,
            "branded": False,
            "instance_environment_type": "development" if workspace.is_sandbox else "production",
            "preferred_sign_in_strategy": "password",
            "sign_in_url": policy.sign_in_url,
        },
        "user_settings": _user_settings(),
        "maintenance_mode": False,
    }


def _user_settings() -> dict[str, Any]:
    """Return settings that make the prebuilt components show only the available features.

    The identifiers are those of ``find_by_name``. Accounts belong to the host project, so they cannot be created,
    changed or deleted here.
    """
    identifiers = sign_in_identifiers()
    return {
        "attributes": {name: _attribute(is_identifier=name in identifiers) for name in ATTRIBUTES},
        "actions": {"delete_self": False, "create_organization": False},
        "social": {},
        "enterprise_sso": {"enabled": False, "self_serve_sso": False, "self_serve_directory_sync": False},
        "sign_in": {"second_factor": {"required": False, "enabled": False}},
        "sign_up": {
            "allowlist_only": False,
            "captcha_enabled": False,
            "legal_consent_enabled": False,
            "mode": "restricted",
            "progressive": True,
        },
        "passkey_settings": {"allow_autofill": False, "show_sign_in_button": False},
    }


def _attribute(*, is_identifier: bool) -> dict[str, Any]:
    return {
        "enabled": is_identifier,
        "required": False,
        "immutable": True,
        "verifications": [],
        "used_for_first_factor": is_identifier,
        "first_factors": [],
        "used_for_second_factor": False,
        "second_factors": [],
        "verify_at_sign_up": False,
    }
