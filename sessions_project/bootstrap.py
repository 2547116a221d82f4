"""Create the first workspace of a live server, its API key, and an operator if requested."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.crypto import get_random_string

from sessions_core.db.transactions import atomic
from sessions_core.models import ApiKey, Workspace
from sessions_project.models import Deployment
from user_sessions.models import SigningKey, UserSessionPolicy

__all__ = ["BootstrapResult", "bootstrap"]

BY = "command:bootstrap"


@dataclass(frozen=True, kw_only=True)
class BootstrapResult:
    """The output of ``manage.py bootstrap --json``. Secrets that were not created are null."""

    workspace_id: UUID
    frontend_api: str
    issuer: str
    api_key: str | None
    operator: str | None
    operator_password: str | None


@atomic()
def bootstrap(name: str, *, operator: str | None = None) -> BootstrapResult:
    """Create a live workspace with one API key, and a superuser if ``operator`` is given.

    An existing workspace gets no new key and an existing user no new password. Raise ValidationError if another
    workspace has the address or the operator's user name is invalid.
    """
    workspace, api_key = Workspace.objects.filter(name=name).order_by("created_at", "id").first(), None
    if workspace is None:
        workspace = Workspace(name=name)
        workspace.full_clean()
        workspace.save()
        policy = UserSessionPolicy(workspace=workspace, frontend_api=settings.GATEPASS_URL)
        policy.full_clean()
        policy.save()
        SigningKey.objects.current(workspace, actor=BY)
        _, api_key = ApiKey.objects.issue(workspace, name="bootstrap", actor=BY)
    password = _create_operator(operator) if operator else None
    Deployment.go_live()
    return BootstrapResult(
        workspace_id=workspace.pk,
        frontend_api=UserSessionPolicy.of(workspace).frontend_api or "",
        issuer=UserSessionPolicy.of(workspace).issuer,
        api_key=api_key,
        operator=operator,
        operator_password=password,
    )


def _create_operator(username: str) -> str | None:
    """Create a superuser and return the password, or None if the user exists."""
    if User.objects.filter(username=username).exists():
        return None
    user = User(username=username, is_staff=True, is_superuser=True)
    password = get_random_string(20)
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as reason:
        raise ValidationError([f"--operator: {' '.join(reason.messages)}"]) from None
    user.save()
    return password
