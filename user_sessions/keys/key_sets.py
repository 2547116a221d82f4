"""The public keys of a workspace: the document that others verify with, and the keys we verify with ourselves."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sessions_core.crypto.tokens import digest
from sessions_core.models import Workspace
from sessions_core.moments import moment
from user_sessions.models import SigningKey, UserSessionPolicy
from user_sessions.models.signing_keys import KEPT_FOR
from user_sessions.verify import KeySet, Verifier

__all__ = ["Document", "document_at", "document_of", "verifier_of"]


@dataclass(frozen=True)
class Document:
    """A JWKS (RFC 7517, section 5) as it is sent. ``etag`` is quoted, as HTTP has it."""

    body: bytes
    etag: str
    is_empty: bool
    read_at: datetime


# What this process read last, by workspace and by host; every process learns of a change by itself. A document without
# keys is not kept: a workspace's first key is made by its first token, which is to be verified at once.
_documents: dict[UUID | str, Document] = {}


def document_of(workspace_id: UUID, *, at: datetime) -> Document:
    """The key set of a workspace, from memory if it was read just now."""
    return _kept(workspace_id, at) or _read(workspace_id, workspace_id, at)


def document_at(host: str, *, at: datetime) -> Document | None:
    """The key set of the workspace whose frontend API is at this host, None if there is none. What is public may be
    chosen by a header that anybody can write."""
    host = host.lower()
    if kept := _kept(host, at):
        return kept
    workspace = UserSessionPolicy.objects.workspace_at(host)
    return _read(host, workspace.pk, at) if workspace else None


def verifier_of(workspace: Workspace, *, at: datetime) -> Verifier:
    """What this server believes of a session token, asked of the rows: a revoked key is refused at once."""
    return Verifier(
        keys=KeySet.from_jwks({"keys": _public_jwks(workspace.pk, at)}), issuer=UserSessionPolicy.of(workspace).issuer
    )


def _kept(place: UUID | str, at: datetime) -> Document | None:
    kept = _documents.get(place)
    return kept if kept is not None and timedelta(0) <= moment(at) - kept.read_at < KEPT_FOR else None


def _read(place: UUID | str, workspace_id: UUID, at: datetime) -> Document:
    keys = _public_jwks(workspace_id, at)
    body = json.dumps({"keys": keys}, separators=(",", ":"))
    document = Document(body.encode(), f'"{digest(body)[:32]}"', not keys, at)
    if keys:
        _documents[place] = document
    return document


def _public_jwks(workspace_id: UUID, at: datetime) -> list[dict[str, str]]:
    published = SigningKey.objects.published(at=at).filter(workspace=workspace_id)
    return list(published.values_list("public_jwk", flat=True))
