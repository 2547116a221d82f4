"""Client sessions for the tests of a host. ``client_sessions.pytest_plugin`` offers them as fixtures."""

from datetime import datetime
from functools import reduce
from typing import Any

from django.db.models import Model
from django.test import Client

from client_sessions import resources
from client_sessions.models import ClientSession, Terms
from client_sessions.models.grants import ALL
from sessions_core.models import Workspace

__all__ = ["client_session_for", "client_with"]

ACTOR = "test"


def client_session_for(
    *rows: Model,
    user_identifier_key: str | None = None,
    terms: Terms = ALL,
    at: datetime | None = None,
    expires_at: datetime | None = None,
    workspace: Workspace | None = None,
) -> ClientSession:
    """Start a client session that is granted these rows of registered models, in the workspace of the first one.

    Without rows, or if they belong to no workspace, it is in the default workspace.
    """
    wanted: dict[str, list[str]] = {}
    for row in rows:
        resource_type = resources.of_model(type(row))
        wanted.setdefault(resource_type.name, []).append(str(getattr(row, resource_type.key_field.attname)))
        workspace = workspace or _workspace_of(row, resource_type.workspace)
    return ClientSession.objects.start(
        workspace or Workspace.objects.default(),
        actor=ACTOR,
        user_identifier_key=user_identifier_key,
        wanted=wanted,
        terms=terms,
        at=at,
        expires_at=expires_at,
    )


def _workspace_of(row: Model, path: str | None) -> Workspace | None:
    return reduce(getattr, path.split("__"), row) if path else None  # type: ignore[return-value]  # the end of the path


def client_with(session: ClientSession, **options: Any) -> Client:
    """Return a client of Django's tests that sends the token of the session with each request."""
    return Client(headers={"authorization": f"Bearer {session.token}"}, **options)
