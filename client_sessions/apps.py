from importlib.util import find_spec

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClientSessionsConfig(AppConfig):
    name = "client_sessions"
    verbose_name = _("Client sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from client_sessions import checks  # noqa: F401  (Django wants checks registered here)

        if find_spec("rest_framework"):
            from client_sessions import view_checks  # noqa: F401
        from client_sessions import cleaning, passes, personal_data
        from client_sessions.api_key_scopes import CLIENT_SESSIONS
        from client_sessions.management.client_session_kind import ClientSessionKind
        from client_sessions.models import forgetting
        from sessions_core.api_key_scopes import register
        from sessions_core.management import session_kinds

        cleaning.register_kinds()
        personal_data.register_source()
        session_kinds.register(ClientSessionKind())
        forgetting.connect()
        passes.connect()
        register(CLIENT_SESSIONS)
