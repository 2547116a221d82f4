"""The scopes of API keys for the Backend API."""

from django.utils.translation import gettext_lazy as _

from sessions_core.api_key_scopes import ScopeFamily, register

__all__ = ["JWT_TEMPLATES", "TICKETS", "USER_SESSIONS", "register_families"]

USER_SESSIONS = ScopeFamily(
    name="user_sessions",
    read_label=_("Read user sessions, clients and users, and verify their tokens"),
    # A session token lets its bearer act as the user.
    write_label=_("Start and end user sessions, and create session tokens for them"),
)
JWT_TEMPLATES = ScopeFamily(
    name="jwt_templates",
    read_label=_("Read JWT templates"),
    # A preview shows what a token would say of the user.
    write_label=_("Create, change, delete and preview JWT templates"),
)
# No endpoint reads tickets.
TICKETS = ScopeFamily(name="tickets", write_label=_("Sign any user in with a ticket, and impersonate users"))


def register_families() -> None:
    """Register the families. Called by ``AppConfig.ready``."""
    for family in (USER_SESSIONS, JWT_TEMPLATES, TICKETS):
        register(family)
