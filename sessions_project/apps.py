from django.apps import AppConfig


class SessionsProjectConfig(AppConfig):
    name = "sessions_project"
    verbose_name = "Gatepass"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sessions_project import checks  # noqa: F401  (Django wants checks registered here)
