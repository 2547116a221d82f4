"""How commands are told which workspace is meant."""

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from sessions_core.management.databases import ready_database
from sessions_core.models import Workspace

__all__ = ["workspace_named"]


def workspace_named(text: str) -> Workspace:
    """The workspace with this id, or with this name if only one has it. Raises CommandError."""
    with ready_database():
        try:
            found = list(Workspace.objects.filter(pk=text))
        except ValidationError:
            found = list(Workspace.objects.filter(name=text))
    if len(found) != 1:
        raise CommandError(f"{len(found) or 'No'} workspaces are called {text!r}; give the id of one.")
    return found[0]
