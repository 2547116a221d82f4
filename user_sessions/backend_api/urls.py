"""The routes below ``/v1``: one row each, with methods and who it is open to."""

from django.urls import register_converter

from sessions_core.permissions import API_KEY, Route, urlpatterns_of
from user_sessions.backend_api.views import JwksView, SessionsView, UnknownView

BACKENDS = [API_KEY]


class Anything:
    """What is left of a path: unlike Django's ``path``, also nothing and line breaks."""

    regex = "(?s:.*)"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Anything, "anything")

ANY_METHOD = dict.fromkeys(["GET", "POST", "PUT", "PATCH", "DELETE"], "refuse")

ROUTES = [
    Route("sessions", SessionsView, {"GET": "list", "POST": "create"}, BACKENDS),
    Route("sessions/<str:session_id>", SessionsView, {"GET": "retrieve"}, BACKENDS),
    Route("sessions/<str:session_id>/revoke", SessionsView, {"POST": "revoke"}, BACKENDS),
    Route("sessions/<str:session_id>/tokens", SessionsView, {"POST": "mint"}, BACKENDS),
    Route("jwks", JwksView, {"GET": "list"}, BACKENDS),
    Route("<anything:rest>", UnknownView, ANY_METHOD, BACKENDS),
]

app_name = "backend_api"
urlpatterns = urlpatterns_of(ROUTES)
