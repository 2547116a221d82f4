"""The door of the admin pages of user sessions. Django finds the pages through these imports."""

from user_sessions.console import user_sessions_section  # noqa: F401  (registers a section)
from user_sessions.console.bulk_pages import BulkRevocationAdmin
from user_sessions.console.client_pages import ClientAdmin, EpochAdmin
from user_sessions.console.session_pages import UserSessionAdmin
from user_sessions.token_admin import JwtTemplateAdmin, SigningKeyAdmin, TicketAdmin

__all__ = [
    "BulkRevocationAdmin",
    "ClientAdmin",
    "EpochAdmin",
    "JwtTemplateAdmin",
    "SigningKeyAdmin",
    "TicketAdmin",
    "UserSessionAdmin",
]
