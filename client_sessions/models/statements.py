"""The statements on client sessions that run in most requests, compiled once."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import F

from client_sessions.models.policies import ClientSessionPolicy
from sessions_core.db.compiled import CompiledQuery, CompiledUpdate
from sessions_core.models.policies import with_policies

if TYPE_CHECKING:
    from client_sessions.models.sessions import ClientSession


class SessionLookups:
    """Each finds one session."""

    def __init__(self, model: "type[ClientSession]") -> None:
        rows = model.objects
        policies = with_policies("workspace", ClientSessionPolicy)
        self.by_token = CompiledQuery(
            model, lambda short: rows.select_related(*policies).filter(token_short=short).order_by(), short=str
        )
        self.by_id = CompiledQuery(
            model,
            lambda workspace, session: rows.filter(workspace=workspace, pk=session).order_by(),
            workspace=UUID,
            session=UUID,
        )
        self.by_key = CompiledQuery(
            model,
            lambda workspace, key: rows.filter(workspace=workspace).with_key(key).order_by(),
            workspace=UUID,
            key=str,
        )


class SessionChanges:
    """Each changes one session, if its state allows the change."""

    def __init__(self, model: "type[ClientSession]") -> None:
        rows = model.objects
        self.lock = CompiledUpdate(
            model,
            lambda session, at: (rows.live(at=at).filter(pk=session), {"token_key": F("token_key")}),
            returning=("expires_at", "user_identifier_key", "token_key"),
            session=UUID,
            at=datetime,
        )
        self.revoke = CompiledUpdate(
            model,
            lambda session, at: (rows.unrevoked().filter(pk=session), {"revoked_at": at}),
            session=UUID,
            at=datetime,
        )
        # Lets another session take the key of an expired one, which stays expired.
        self.release_key = CompiledUpdate(
            model,
            lambda workspace, key, at: (
                rows.filter(workspace=workspace, expires_at__lte=at).with_key(key),
                {"key_released_at": at},
            ),
            workspace=UUID,
            key=str,
            at=datetime,
        )
