"""The form of an operator who signs in as a user."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from sessions_core.console.actions import ReasonForm
from sessions_core.console.workspace_fields import WorkspaceField
from sessions_core.models import Workspace
from user_sessions.models import UserSessionPolicy
from user_sessions.users import has_user

__all__ = ["ImpersonationForm"]


class ImpersonationForm(ReasonForm):
    """The workspace whose application the operator will use as the user, and the reason."""

    workspace = WorkspaceField()

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["workspace", "reason"])
        self.user = user

    def clean_workspace(self) -> Workspace:
        workspace: Workspace = self.cleaned_data["workspace"]
        policy = UserSessionPolicy.of(workspace)
        if not (policy.frontend_api and policy.sign_in_url):
            raise ValidationError(
                _("This workspace has no frontend API or no sign-in URL, so no link can lead to its application."),
                code="no_link",
            )
        if not has_user(workspace, self.user):
            raise ValidationError(_("The user does not belong to this workspace."), code="foreign")
        return workspace
