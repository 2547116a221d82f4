"""What Django's admin discovers: the console's pages of this app. Also the door to the base classes of all pages."""

from sessions_core.console import core_panels
from sessions_core.console.actions import Reason, confirmed, confirmed_of_all
from sessions_core.console.api_key_pages import ApiKeyAdmin
from sessions_core.console.console_permissions import operator
from sessions_core.console.dashboard_pages import DashboardAdmin
from sessions_core.console.event_pages import EventAdmin
from sessions_core.console.pages import FactAdmin, HistoryAdmin
from sessions_core.console.user_sections import UserSectionsMixin, extend_stock_page
from sessions_core.console.webhook_message_pages import WebhookMessageAdmin
from sessions_core.console.webhook_pages import WebhookEndpointAdmin
from sessions_core.console.workspace_pages import WorkspaceAdmin

__all__ = [
    "ApiKeyAdmin",
    "DashboardAdmin",
    "EventAdmin",
    "FactAdmin",
    "HistoryAdmin",
    "Reason",
    "UserSectionsMixin",
    "WebhookEndpointAdmin",
    "WebhookMessageAdmin",
    "WorkspaceAdmin",
    "confirmed",
    "confirmed_of_all",
    "operator",
]

core_panels.register_panels()
extend_stock_page()
