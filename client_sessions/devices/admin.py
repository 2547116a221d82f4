"""The console's pages of the reference server's resources."""

from django.contrib import admin

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("key", "name", "workspace", "created_at")
    list_filter = ("workspace",)
    search_fields = ("key", "name")


@admin.register(ConnectedAccount)
class ConnectedAccountAdmin(admin.ModelAdmin):
    list_display = ("display_name", "account_type", "email", "customer", "workspace", "created_at")
    list_filter = ("account_type", "workspace")
    list_select_related = ("customer", "workspace")
    search_fields = ("display_name", "email", "=id")
    autocomplete_fields = ("customer",)


@admin.register(ConnectWebview)
class ConnectWebviewAdmin(admin.ModelAdmin):
    list_display = ("id", "connected_account", "workspace", "created_at")
    list_filter = (("connected_account", admin.EmptyFieldListFilter), "workspace")
    list_select_related = ("connected_account", "workspace")
    search_fields = ("=id",)
    fields = ("workspace", "connected_account", "customer", "custom_redirect_url", "custom_redirect_failure_url")
    autocomplete_fields = ("connected_account", "customer")


@admin.register(Device)
class DeviceAdmin(admin.ModelAdmin):
    list_display = ("name", "device_type", "connected_account", "is_online", "workspace", "created_at")
    list_filter = ("device_type", "is_online", "workspace")
    list_select_related = ("connected_account", "workspace")
    search_fields = ("name", "=id")
    autocomplete_fields = ("connected_account",)


@admin.register(UserIdentity)
class UserIdentityAdmin(admin.ModelAdmin):
    list_display = ("full_name", "key", "email_address", "workspace", "created_at")
    list_filter = ("workspace",)
    list_select_related = ("workspace",)
    search_fields = ("full_name", "key", "email_address", "=id")
    filter_horizontal = ("devices",)
