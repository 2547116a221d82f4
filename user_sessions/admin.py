"""The door of the admin pages of user sessions. Django finds the pages through these imports."""

from user_sessions.console import (
    operator_authentication,
    session_panels,
    user_policy_consequences,
    user_sessions_section,
)
from user_sessions.console.bulk_pages import BulkRevocationAdmin
from user_sessions.console.client_pages import ClientAdmin, EpochAdmin
from user_sessions.console.session_pages import UserSessionAdmin
from user_sessions.console.signing_key_pages import SigningKeyAdmin
from user_sessions.console.template_pages import JwtTemplateAdmin
from user_sessions.console.ticket_pages import TicketAdmin

__all__ = [
    "BulkRevocationAdmin",
    "ClientAdmin",
    "EpochAdmin",
    "JwtTemplateAdmin",
    "SigningKeyAdmin",
    "TicketAdmin",
    "UserSessionAdmin",
]


session_panels.register_panels()
user_sessions_section.register()
user_policy_consequences.register()
operator_authentication.register()
