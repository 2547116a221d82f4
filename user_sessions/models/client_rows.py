"""Clients with the sessions that have not left them."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from sessions_core.db.compiled import CompiledQuery
from sessions_core.models import Workspace
from user_sessions.models.clients import Client
from user_sessions.models.pages import Pages, Selection
from user_sessions.models.querysets import UserSessionQuerySet
from user_sessions.models.sessions import UserSession
from user_sessions.models.voiding import binds

__all__ = ["ClientRow", "client_row", "select_clients"]

# A client and its sessions, newest first.
ClientRow = tuple[Client, list[UserSession]]

# Clients in one query of their sessions. There is one statement for each.
SIZES = (1, 10, 100, 500)


def client_row(workspace: Workspace, id: str, *, at: datetime) -> ClientRow | None:
    """Return the client of a workspace with this id, or None: two queries."""
    found = _BY_ID.get(id=id, workspace=workspace.pk)
    return _with_sessions(workspace, [found], at=at)[0] if found else None


def select_clients(workspace: Workspace, *, at: datetime) -> Selection[ClientRow]:
    """Select the clients of a workspace. A page is two queries."""
    return Selection(_PAGES, {"workspace": workspace.pk}, partial(_with_sessions, workspace, at=at))


def _with_sessions(workspace: Workspace, clients: Sequence[Client], *, at: datetime) -> list[ClientRow]:
    rows: dict[str, ClientRow] = {client.pk: (client, []) for client in clients}
    for client in clients:
        client.workspace = workspace
    if rows:
        size = next(size for size in SIZES if size >= len(rows))
        ids = [*rows, *[clients[0].pk] * (size - len(rows))]
        for session in _on_clients(size).rows(at=at, **_numbered(ids)):
            rows[session.client_id][1].append(session)
    return list(rows.values())


@cache
def _on_clients(size: int) -> CompiledQuery[UserSession]:
    """Return the query for the sessions of this number of clients."""

    def find(at: datetime, **clients: str) -> UserSessionQuerySet:
        sessions = UserSession.objects.filter(client__in=list(clients.values()))
        return sessions.with_status_facts().not_left(at=at).select_related("user", "latest_activity")

    ids = _numbered([str] * size)
    return CompiledQuery(UserSession, find, depends_on=binds, at=datetime, **ids)


def _numbered(values: Sequence[Any]) -> dict[str, Any]:
    return {f"client{number}": value for number, value in enumerate(values)}


_PAGES: Pages[Client] = Pages(
    Client, lambda workspace: Client.objects.filter(workspace=workspace), kinds={"workspace": UUID}
)
_BY_ID = CompiledQuery(Client, lambda **by: Client.objects.filter(**by).order_by(), id=str, workspace=UUID)
