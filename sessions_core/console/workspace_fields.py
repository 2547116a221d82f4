"""A form field for a workspace that lists no other workspaces and needs no JavaScript."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from sessions_core.labels import WORKSPACE
from sessions_core.models import NoDefaultWorkspace, Workspace

__all__ = ["WorkspaceField"]


class WorkspaceField(forms.CharField):
    """Takes the name or the ID of a workspace. The initial value is the default workspace, if there is one."""

    def __init__(self, **options: Any) -> None:
        names = {"label": WORKSPACE, "help_text": _("The name or the ID of the workspace."), "initial": _default}
        super().__init__(**{"max_length": 200, **names, **options})

    def clean(self, value: Any) -> Any:
        """Return the workspace. Raise ValidationError unless exactly one matches."""
        text = super().clean(value)
        try:
            found = list(Workspace.objects.filter(pk=text))
        except ValidationError:
            found = list(Workspace.objects.filter(name=text)[:2])
        if not found:
            raise ValidationError(_("There is no workspace with this name or ID."), code="unknown")
        if len(found) > 1:
            raise ValidationError(_("Several workspaces have this name. Enter the ID."), code="ambiguous")
        return found[0]


def _default() -> str:
    try:
        found = Workspace.objects.find_default()
    except NoDefaultWorkspace:
        return ""
    return str(found.pk) if found else ""
