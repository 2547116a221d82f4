"""The public keys of a workspace: the document that others verify with, and the keys we verify with ourselves."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from sessions_core.models import Workspace
from sessions_core.tokens import digest
from user_sessions.conf import settings
from user_sessions.models import SigningKey
from user_sessions.verify import KeySet, Verifier

__all__ = ["Document", "document_at", "document_of", "verifier_of"]

# How late a process may be in publishing what another one changed: little beside the age that verifiers give it.
KEPT_FOR = timedelta(seconds=5)


@dataclass(frozen=True)
class Document:
    """A JWKS (RFC 7517, section 5) as it is sent. ``etag`` is quoted, as HTTP has it."""

    body: bytes
    etag: str
    read_at: datetime

    def response(self, request: HttpRequest | Request, *, scope: str) -> HttpResponse:
        """The document, or that the caller's copy is still good (RFC 9110, section 13.1.2). ``scope`` is who may keep
        it: ``public``, or ``private``."""
        is_known = self.etag in re.findall(r'"[^"]*"', request.headers.get("if-none-match", ""))
        response = HttpResponse(b"" if is_known else self.body, content_type="application/json")
        response.status_code = 304 if is_known else 200
        response.headers["ETag"] = self.etag
        response.headers["Cache-Control"] = f"{scope}, max-age={int(settings.jwks_max_age.total_seconds())}"
        return response


# What this process read last, by workspace and by host; every process learns of a change by itself. A document without
# keys is not kept: a workspace's first key is made by its first token, which is to be verified at once.
_documents: dict[UUID | str, Document] = {}


def document_of(workspace_id: UUID, *, at: datetime) -> Document:
    """The key set of a workspace, from memory if it was read just now."""
    return _kept(workspace_id, at) or _read(workspace_id, workspace_id, at)


def document_at(host: str, *, at: datetime) -> Document | None:
    """The key set of the workspace whose frontend API is at this host, None if there is none. What is public may be
    chosen by a header that anybody can write."""
    if kept := _kept(host, at):
        return kept
    workspace = Workspace.objects.filter(frontend_api__in=(f"https://{host}", f"http://{host}")).first()
    return _read(host, workspace.pk, at) if workspace else None


def verifier_of(workspace: Workspace, *, at: datetime) -> Verifier:
    """What this server believes of a session token, asked of the rows: a revoked key is refused at once."""
    return Verifier(keys=KeySet.from_jwks({"keys": _public_jwks(workspace.pk, at)}), issuer=workspace.issuer)


def _kept(place: UUID | str, at: datetime) -> Document | None:
    kept = _documents.get(place)
    return kept if kept is not None and timedelta(0) <= at - kept.read_at < KEPT_FOR else None


def _read(place: UUID | str, workspace_id: UUID, at: datetime) -> Document:
    keys = _public_jwks(workspace_id, at)
    body = json.dumps({"keys": keys}, separators=(",", ":"))
    document = Document(body.encode(), f'"{digest(body)[:32]}"', at)
    if keys:
        _documents[place] = document
    return document


def _public_jwks(workspace_id: UUID, at: datetime) -> list[dict[str, str]]:
    published = SigningKey.objects.published(at=at).filter(workspace=workspace_id)
    return list(published.values_list("public_jwk", flat=True))
