"""Workspaces as arguments of commands: an id or a name."""

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from sessions_core.management.databases import ready_database
from sessions_core.models import NoDefaultWorkspace, Workspace
from sessions_core.texts import LONGEST_TEXT, printable

__all__ = ["workspace_named", "workspace_or_default"]

# Workspaces that an error message lists.
MOST_OFFERED = 10


def workspace_named(text: str) -> Workspace:
    """Return the workspace with this id or name. Raise CommandError unless exactly one matches."""
    with ready_database():
        try:
            found = list(Workspace.objects.filter(pk=text))
        except ValidationError:
            found = list(Workspace.objects.filter(name=text))
        if len(found) == 1:
            return found[0]
        offered = found or list(Workspace.objects.order_by("name", "pk")[:MOST_OFFERED])
    problem = f"{len(found)} workspaces have the name" if found else "No workspace has the id or name"
    raise CommandError(f"{problem} {text!r}. {_hint(offered)}")


def workspace_or_default(text: str | None = None) -> Workspace:
    """Return the workspace with this id or name, or the default one. Raise CommandError."""
    if text:
        return workspace_named(text)
    with ready_database():
        try:
            found = Workspace.objects.find_default()
        except NoDefaultWorkspace:
            raise CommandError(
                "There are several workspaces. Name one with --workspace, or add --everywhere."
            ) from None
    if found is None:
        raise CommandError(_hint([]))
    return found


def _hint(offered: list[Workspace]) -> str:
    if not offered:
        return "There are no workspaces yet: create one with manage.py workspace create NAME."
    return "Use the id of a workspace: " + ", ".join(
        f"{each.pk} ({printable(each.name, longest=LONGEST_TEXT)})" for each in offered
    )
