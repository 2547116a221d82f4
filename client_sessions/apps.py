from django.apps import AppConfig


class ClientSessionsConfig(AppConfig):
    name = "client_sessions"
    verbose_name = "Client sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from client_sessions import checks  # noqa: F401  (Django wants checks registered here)
        from client_sessions.models import forgetting

        forgetting.connect()
