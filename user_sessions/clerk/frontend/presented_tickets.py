"""Tickets as somebody shows them who wants to sign in."""

from collections.abc import Iterator
from contextlib import contextmanager

from sessions_core.models import Workspace
from user_sessions.clerk.errors import ClerkError
from user_sessions.models import NotPending, Ticket
from user_sessions.tokens.ticket_tokens import read_ticket_token
from user_sessions.users import is_known

__all__ = ["telling_of", "ticket_of"]

# How the code ends that tells of a ticket which cannot be used any more; it begins with the ticket's kind.
ENDINGS = {Ticket.Status.ACCEPTED: "already_used_code", Ticket.Status.REVOKED: "revoked_code"}


def ticket_of(text: str, workspace: Workspace) -> Ticket:
    """The ticket that this text is, whatever became of it, if the workspace knows its user still. Raises ClerkError."""
    ticket_id = read_ticket_token(text, workspace)
    tickets = workspace.user_sessions_tickets.select_related("user", "workspace")
    ticket: Ticket | None = tickets.filter(pk=ticket_id).first() if ticket_id else None
    if ticket is None or not is_known(workspace, ticket.user):
        raise ClerkError("ticket_invalid_code", "The ticket is none of this workspace, or it is damaged.")
    return ticket


@contextmanager
def telling_of(ticket: Ticket) -> Iterator[None]:
    """Raises ClerkError for a ticket that was used or revoked, by its kind."""
    try:
        yield
    except NotPending as used:
        ticket.refresh_from_db(fields=["stored_status"])
        raise ClerkError(f"{ticket.kind}_{ENDINGS[Ticket.Status(ticket.stored_status)]}") from used
