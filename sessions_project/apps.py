from django.apps import AppConfig


class SessionsProjectConfig(AppConfig):
    name = "sessions_project"
    verbose_name = "Gatepass"
