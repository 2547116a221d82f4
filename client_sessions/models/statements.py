"""The statements on client sessions that run in most requests, compiled once."""

from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import router
from django.db.models import F, Model

from client_sessions.models.grants import Grant
from client_sessions.models.policies import ClientSessionPolicy
from sessions_core.db.compiled import CompiledQuery, CompiledUpdate
from sessions_core.models.policies import with_policies

if TYPE_CHECKING:
    from client_sessions.models.querysets import ClientSessionQuerySet
    from client_sessions.models.sessions import ClientSession

# The workspace and its policy, for ``related``.
WITH_WORKSPACE = with_policies("workspace", ClientSessionPolicy)


class SessionLookups:
    """Each finds one session."""

    def __init__(self, model: "type[ClientSession]") -> None:
        self.model, rows = model, model.objects
        self.by_token = cache(self._by_token)
        self.by_id = CompiledQuery(
            model,
            lambda workspace, session: rows.filter(workspace=workspace, pk=session).order_by(),
            workspace=UUID,
            session=UUID,
        )
        self._by_key = CompiledQuery(
            model,
            lambda workspace, key: (
                rows.filter(workspace=workspace)
                .with_key(key)
                .order_by()
                .values_list(*_columns(model), *(f"grants__{column}" for column in _columns(Grant)))
            ),
            workspace=UUID,
            key=str,
        )

    def _by_token(self, related: tuple[str, ...]) -> CompiledQuery["ClientSession"]:
        """Return the query by the public part of a token."""

        def find(short: str) -> "ClientSessionQuerySet":
            sessions = self.model.objects.filter(token_short=short).order_by()
            return sessions.select_related(*related) if related else sessions

        return CompiledQuery(self.model, find, short=str)

    def by_key(self, workspace: UUID, key: str) -> "ClientSession | None":
        """Return the session with its grants in ``loaded_grants``."""
        rows = list(self._by_key.tuples(workspace=workspace, key=key))
        if not rows:
            return None
        using, columns, columns_of_grant = router.db_for_write(self.model), _columns(self.model), _columns(Grant)
        session = self.model.from_db(using, columns, rows[0][: len(columns)])
        grants = (row[len(columns) :] for row in rows)
        loaded = [Grant.from_db(using, columns_of_grant, grant) for grant in grants if any(grant)]
        session.loaded_grants = sorted(loaded, key=attrgetter("pk"))
        return session


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
            lambda workspace, session, at: (
                rows.unrevoked().filter(workspace=workspace, pk=session),
                {"revoked_at": at},
            ),
            workspace=UUID,
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


def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]
