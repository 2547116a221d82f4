"""The scopes of API keys for the endpoints of client sessions."""

from django.utils.translation import gettext_lazy as _

from sessions_core.api_key_scopes import ScopeFamily

__all__ = ["CLIENT_SESSIONS"]

CLIENT_SESSIONS = ScopeFamily(
    name="client_sessions",
    read_label=_("Read client sessions, with their tokens"),
    write_label=_("Create, change and end client sessions"),
)
