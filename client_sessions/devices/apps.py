from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from client_sessions import resources
from client_sessions.devices.device_scopes import DEVICES
from sessions_core.api_key_scopes import register


class DevicesConfig(AppConfig):
    name = "client_sessions.devices"
    label = "client_sessions_devices"
    verbose_name = _("Sample devices")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from client_sessions.devices import models

        resources.register("customer", models.Customer, key="key", must_exist=False)
        resources.register("user_identity", models.UserIdentity)
        resources.register("connect_webview", models.ConnectWebview)
        resources.register("connected_account", models.ConnectedAccount, through=["customer", "connect_webviews"])
        resources.register("device", models.Device, through=["connected_account", "user_identities"], counted=True)
        register(DEVICES)
