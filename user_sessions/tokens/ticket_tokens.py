"""The text of a ticket, signed with the workspace's key."""

from datetime import datetime
from urllib.parse import urlencode

from sessions_core.models import Workspace
from sessions_core.texts import is_storable
from user_sessions.models import SigningKey, Ticket, UserSessionPolicy
from user_sessions.models.signing_keys import private_key
from user_sessions.tokens.claims import ticket_claims
from user_sessions.tokens.signing import Unsigned
from user_sessions.verify import KeySet, TokenRejected
from user_sessions.verify.form import parse

__all__ = ["read_ticket_token", "ticket_token", "ticket_url"]


def ticket_token(ticket: Ticket, *, at: datetime) -> str:
    """Return the text of a ticket, for the backend that created it."""
    claims = ticket_claims(
        workspace_id=str(ticket.workspace_id),
        ticket_id=ticket.pk,
        kind=ticket.kind,
        lifetime=ticket.expire_at - ticket.created_at,
        end=ticket.expire_at,
    )
    kid = SigningKey.objects.current(ticket.workspace, at=at).kid
    return Unsigned(claims, {"kid": kid}, *private_key(kid)).signed()


def ticket_url(ticket: Ticket, text: str) -> str | None:
    """Return the link of a ticket to the sign-in page, or None if its workspace has no frontend API."""
    frontend_api = UserSessionPolicy.of(ticket.workspace).frontend_api
    return f"{frontend_api}/v1/tickets/accept?{urlencode({'ticket': text})}" if frontend_api else None


def read_ticket_token(text: str, workspace: Workspace) -> str | None:
    """Return the id in a ticket of this workspace, even an expired one, or None if the ticket is invalid.

    Any key that is not revoked is accepted, because a ticket can outlive the publication of its key.
    """
    try:
        parts = parse(text)
    except TokenRejected:
        return None
    if not is_storable(parts.kid or ""):
        return None
    keys = SigningKey.objects.filter(workspace=workspace, kid=parts.kid, revoked_at=None)
    key = KeySet.from_jwks({"keys": list(keys.values_list("public_jwk", flat=True))}).key_for(parts.kid or "")
    if key is None or parts.header.get("alg") != key.algorithm or not key.has_signed(parts.signed, parts.signature):
        return None
    # The same keys sign other tokens, which all have ``cat``; the claims of a template cannot be trusted.
    is_ticket = "cat" not in parts.header and parts.payload.get("st") in Ticket.Kind.values
    return parts.payload["sid"] if is_ticket and parts.payload.get("iid") == str(workspace.pk) else None
