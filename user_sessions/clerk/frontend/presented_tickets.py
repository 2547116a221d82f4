"""Look up the ticket that a caller presents for a sign-in."""

from collections.abc import Iterator
from contextlib import contextmanager

from sessions_core.models import Workspace
from user_sessions.clerk.errors import ClerkError
from user_sessions.models import NotPending, Ticket
from user_sessions.tokens.ticket_tokens import read_ticket_token
from user_sessions.users import has_user

__all__ = ["refusing_used", "ticket_of"]

# Error codes for a used or revoked ticket: the ticket's kind, then this ending.
CODE_ENDINGS = {Ticket.Status.ACCEPTED: "already_used_code", Ticket.Status.REVOKED: "revoked_code"}


def ticket_of(text: str, workspace: Workspace) -> Ticket:
    """Return the ticket in this text, in any status, if its user still belongs to the workspace. Raise ClerkError."""
    ticket_id = read_ticket_token(text, workspace)
    tickets = workspace.user_sessions_tickets.select_related("user", "workspace")
    ticket: Ticket | None = tickets.filter(pk=ticket_id).first() if ticket_id else None
    if ticket is None or not has_user(workspace, ticket.user):
        raise ClerkError("ticket_invalid_code", "The ticket is none of this workspace, or it is damaged.")
    return ticket


@contextmanager
def refusing_used(ticket: Ticket) -> Iterator[None]:
    """Convert NotPending to the ClerkError for this kind of ticket."""
    try:
        yield
    except NotPending as used:
        ticket.refresh_from_db(fields=["stored_status"])
        raise ClerkError(f"{ticket.kind}_{CODE_ENDINGS[Ticket.Status(ticket.stored_status)]}") from used
