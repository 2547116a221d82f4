from importlib.util import find_spec

from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class SessionsCoreConfig(AppConfig):
    name = "sessions_core"
    verbose_name = pgettext_lazy("Gatepass", "Workspaces")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sessions_core import (  # noqa: F401  (Django wants checks registered here)
            checks,
            cleaning,
            cleaning_checks,
            database_checks,
        )
        from sessions_core.models.key_uses import key_uses
        from sessions_core.models.refusal_counts import refusals

        cleaning.register_events()
        cleaning.register_refusal_counts()
        refusals.connect()
        key_uses.connect()
        if find_spec("rest_framework"):  # without it there are no routes
            from sessions_core.http import route_checks  # noqa: F401
            from sessions_core.http.cors_headers import disable_for_api

            disable_for_api()
