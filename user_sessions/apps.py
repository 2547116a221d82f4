from django.apps import AppConfig
from django.db.models.signals import post_save, pre_save


class UserSessionsConfig(AppConfig):
    name = "user_sessions"
    verbose_name = "User sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from user_sessions import checks, webhooks  # noqa: F401  (both register here)
        from user_sessions.deactivation import revoke_sessions_of_inactive
        from user_sessions.password_changes import carry_over, revoke_after_change

        post_save.connect(revoke_sessions_of_inactive)  # from any sender: a proxy of the user model is one too
        pre_save.connect(carry_over)
        post_save.connect(revoke_after_change)
