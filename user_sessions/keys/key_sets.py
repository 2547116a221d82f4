"""The public keys of a workspace: the JWKS document for other verifiers, and the verifier of this server."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sessions_core.crypto.tokens import digest
from sessions_core.models import NoDefaultWorkspace, Workspace
from sessions_core.models.policies import with_policies
from sessions_core.moments import moment
from user_sessions.models import SigningKey, UserSessionPolicy
from user_sessions.models.signing_keys import CACHE_LIFETIME
from user_sessions.verify import KeySet, Verifier

__all__ = ["Document", "default_workspace", "document_at", "document_of", "verifier_of"]


@dataclass(frozen=True)
class Document:
    """A JWKS (RFC 7517, section 5) as it is sent. ``etag`` is quoted, as in the header."""

    body: bytes
    etag: str
    is_empty: bool
    read_at: datetime


# The last documents of this process, by workspace and by host. A document without keys is not cached: the first token
# of a workspace creates its first key, and verifiers need that key at once.
_documents: dict[UUID | str, Document] = {}


def document_of(workspace_id: UUID, *, at: datetime) -> Document:
    """Return the key set of a workspace, cached for CACHE_LIFETIME."""
    return _cached_document(workspace_id, at) or _read_document(workspace_id, workspace_id, at)


def document_at(host: str, *, at: datetime) -> Document | None:
    """Return the key set of the workspace whose frontend API is at this host, or that of the default workspace if it
    has no frontend API, or None.

    The host comes from a header that the caller controls; that is safe because key sets are public.
    """
    host = host.lower()
    if cached := _cached_document(host, at):
        return cached
    workspace = UserSessionPolicy.objects.workspace_at(host)
    if workspace:
        return _read_document(host, workspace.pk, at)
    # Cached by its id, because callers can make up any number of hosts.
    default = _default_without_address()
    return document_of(default.pk, at=at) if default else None


def _default_without_address() -> Workspace | None:
    try:
        default = default_workspace()
    except NoDefaultWorkspace:
        return None
    return default if default and not UserSessionPolicy.of(default).frontend_api else None


def default_workspace() -> Workspace | None:
    """Return the default workspace with its policy, or None if there is no workspace yet. One query.

    Raise NoDefaultWorkspace.
    """
    return Workspace.objects.find_default(*with_policies("", UserSessionPolicy))


def verifier_of(workspace: Workspace, *, at: datetime) -> Verifier:
    """Return a verifier with the keys in the database, so that a revoked key is refused at once."""
    return Verifier(
        keys=KeySet.from_jwks({"keys": _public_jwks(workspace.pk, at)}), issuer=UserSessionPolicy.of(workspace).issuer
    )


def _cached_document(cache_key: UUID | str, at: datetime) -> Document | None:
    cached = _documents.get(cache_key)
    return cached if cached is not None and timedelta(0) <= moment(at) - cached.read_at < CACHE_LIFETIME else None


def _read_document(cache_key: UUID | str, workspace_id: UUID, at: datetime) -> Document:
    keys = _public_jwks(workspace_id, at)
    body = json.dumps({"keys": keys}, separators=(",", ":"))
    document = Document(body.encode(), f'"{digest(body)[:32]}"', not keys, at)
    if keys:
        _documents[cache_key] = document
    return document


def _public_jwks(workspace_id: UUID, at: datetime) -> list[dict[str, str]]:
    published = SigningKey.objects.published(at=at).filter(workspace=workspace_id)
    return list(published.values_list("public_jwk", flat=True))
