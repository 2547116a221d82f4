"""Set the policies of workspaces in tests."""

from typing import Any

from client_sessions.models import ClientSessionPolicy
from sessions_core.models import Workspace
from user_sessions.models import UserSessionPolicy


def set_client_session_policy(workspace: Workspace, **fields: Any) -> None:
    """Set fields of the workspace's policy for client sessions."""
    _set(ClientSessionPolicy.of(workspace), fields)


def set_user_session_policy(workspace: Workspace, **fields: Any) -> None:
    """Set fields of the workspace's policy for user sessions."""
    _set(UserSessionPolicy.of(workspace), fields)


def create_workspace(*, frontend_api: str | None = None, **fields: Any) -> Workspace:
    """Create a workspace that browsers reach at ``frontend_api``."""
    workspace = Workspace.objects.create(**fields)
    set_user_session_policy(workspace, frontend_api=frontend_api)
    return workspace


def address_of(workspace: Workspace) -> str:
    """Return the origin at which browsers reach the workspace."""
    return UserSessionPolicy.of(workspace).frontend_api or ""


def _set(policy: Any, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.save()
