"""Workspaces as arguments of commands: an id or a name."""

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from sessions_core.management.databases import ready_database
from sessions_core.models import Workspace

__all__ = ["workspace_named"]


def workspace_named(text: str) -> Workspace:
    """Return the workspace with this id or name. Raise CommandError unless exactly one matches."""
    with ready_database():
        try:
            found = list(Workspace.objects.filter(pk=text))
        except ValidationError:
            found = list(Workspace.objects.filter(name=text))
    if len(found) != 1:
        raise CommandError(f"{len(found) or 'No'} workspaces match {text!r}. Use the id of a workspace.")
    return found[0]
