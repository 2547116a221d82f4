"""Forms of webhook endpoints."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.console.workspace_fields import WorkspaceField
from sessions_core.models import WebhookEndpoint
from sessions_core.webhooks.addresses import NotAllowed, Target
from sessions_core.webhooks.models import LONGEST_DESCRIPTION, LONGEST_URL

__all__ = ["EndpointForm", "RecoverForm"]


class EndpointForm(forms.Form):
    """The URL and the description of an endpoint, and the workspace of a new one."""

    workspace = WorkspaceField()
    url = forms.CharField(
        label="URL",
        max_length=LONGEST_URL,
        widget=forms.URLInput({"size": 60}),
        help_text=_("https:// to a public address. A sandbox also takes http:// to this machine."),
    )
    description = forms.CharField(
        label=pgettext_lazy("Gatepass", "description"),
        max_length=LONGEST_DESCRIPTION,
        required=False,
        widget=forms.TextInput({"size": 60}),
        help_text=_("A note for operators, such as the owner of the endpoint."),
    )

    def __init__(self, data: Any = None, *, endpoint: WebhookEndpoint | None = None) -> None:
        initial = {"url": endpoint.url, "description": endpoint.description} if endpoint else {}
        super().__init__(data, initial=initial, label_suffix="")
        self.of_workspace = endpoint.workspace if endpoint else None
        if endpoint:
            del self.fields["workspace"]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        workspace = self.of_workspace or given.get("workspace")
        if workspace and "url" in given:
            try:
                Target.parse(given["url"], is_sandbox=workspace.is_sandbox)
            except NotAllowed as reason:
                refusal = _("The URL is not allowed. %(reason)s")
                self.add_error("url", ValidationError(refusal, params={"reason": reason}))
        return given


class RecoverForm(forms.Form):
    """Since when failed messages are sent again."""

    since = forms.DateTimeField(
        label=_("failed since"),
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
        input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text=_("Date and time in the time zone of this page, such as 2026-11-27 14:00."),
    )
