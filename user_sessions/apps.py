from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UserSessionsConfig(AppConfig):
    name = "user_sessions"
    verbose_name = _("User sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sessions_core.management import session_kinds
        from user_sessions import (  # noqa: F401
            api_key_scopes,
            checks,
            cleaning,
            deactivation,
            django_sign_ins,
            failed_sign_ins,
            new_device_checks,
            password_changes,
            personal_data,
            reauthentication,
            view_checks,
        )
        from user_sessions.clerk import webhook_shapes  # noqa: F401  (importing registers checks and webhooks)
        from user_sessions.keys import trusted_keys
        from user_sessions.management.user_session_kind import UserSessionKind
        from user_sessions.pages import new_device_mail

        cleaning.register_kinds()
        personal_data.register_source()
        api_key_scopes.register_families()
        session_kinds.register(UserSessionKind())
        deactivation.connect()
        trusted_keys.connect()
        password_changes.connect()
        django_sign_ins.connect()
        failed_sign_ins.connect()
        reauthentication.connect()
        new_device_mail.connect()
