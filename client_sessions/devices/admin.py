"""Admin pages of the sample resources."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from sessions_core.changelists import BY_WORKSPACE, UUID_PATTERN, BoundedAdmin

NEWEST_FIRST = ("-workspace_id", "-created_at", "-id")


@admin.register(Customer)
class CustomerAdmin(BoundedAdmin):
    list_display = ("key", "name", "workspace", "created_at")
    list_filter = (BY_WORKSPACE,)
    ordering = ("workspace_id", "key")
    autocomplete_fields = ("workspace",)
    searched = ((UUID_PATTERN, "id"), (r".*", "key"))
    names = ("key", "name")
    search_fields = names
    search_help_text = _("An ID, a key, or part of a key or name. Partial texts search only the first 1,000 rows.")


@admin.register(ConnectedAccount)
class ConnectedAccountAdmin(BoundedAdmin):
    list_display = ("display_name", "account_type", "email", "customer", "workspace", "created_at")
    list_filter = (BY_WORKSPACE,)
    ordering = NEWEST_FIRST
    list_select_related = ("customer", "workspace")
    searched = ((UUID_PATTERN, "id"),)
    names = ("display_name", "email", "account_type")
    search_fields = names
    search_help_text = _(
        "An ID, or part of a name, email address or type. Texts search only the first 1,000 rows of the list."
    )
    autocomplete_fields = ("workspace", "customer")


@admin.register(ConnectWebview)
class ConnectWebviewAdmin(BoundedAdmin):
    list_display = ("id", "connected_account", "workspace", "created_at")
    list_filter = (BY_WORKSPACE,)
    ordering = NEWEST_FIRST
    list_select_related = ("connected_account", "workspace")
    searched = ((UUID_PATTERN, "id"),)
    search_help_text = _("An ID.")
    fields = ("workspace", "connected_account", "customer", "custom_redirect_url", "custom_redirect_failure_url")
    autocomplete_fields = ("workspace", "connected_account", "customer")


@admin.register(Device)
class DeviceAdmin(BoundedAdmin):
    list_display = ("name", "device_type", "connected_account", "is_online", "workspace", "created_at")
    list_filter = ("is_online", BY_WORKSPACE)
    ordering = NEWEST_FIRST
    list_select_related = ("connected_account", "workspace")
    searched = ((UUID_PATTERN, "id"),)
    names = ("name", "device_type")
    search_fields = names
    search_help_text = _("An ID, or part of a name or type. Texts search only the first 1,000 rows of the list.")
    autocomplete_fields = ("workspace", "connected_account")


@admin.register(UserIdentity)
class UserIdentityAdmin(BoundedAdmin):
    list_display = ("full_name", "key", "email_address", "workspace", "created_at")
    list_filter = (BY_WORKSPACE,)
    ordering = NEWEST_FIRST
    list_select_related = ("workspace",)
    searched = ((UUID_PATTERN, "id"), (r".*", "key"))
    names = ("full_name", "key", "email_address")
    search_help_text = _(
        "An ID, a key, or part of a name, key or email address. "
        "Partial texts search only the first 1,000 rows of the list."
    )
    autocomplete_fields = ("workspace", "devices")
