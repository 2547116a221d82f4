"""What Django's admin discovers: the console's pages of client sessions."""

from client_sessions.console import client_policy_consequences, client_session_panels, client_sessions_section
from client_sessions.console.client_session_pages import ClientSessionAdmin
from client_sessions.console.grant_pages import GrantAdmin
from client_sessions.console.personal_access_token_pages import PersonalAccessTokenAdmin

__all__ = ["ClientSessionAdmin", "GrantAdmin", "PersonalAccessTokenAdmin"]

client_session_panels.register_panels()
client_sessions_section.register()
client_policy_consequences.register()
