from django.apps import AppConfig


class SessionsCoreConfig(AppConfig):
    name = "sessions_core"
    verbose_name = "Workspaces"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sessions_core import checks, database_checks, route_checks  # noqa: F401  (Django wants checks registered here)
        from sessions_core.cors_headers import leave_out_api

        leave_out_api()
