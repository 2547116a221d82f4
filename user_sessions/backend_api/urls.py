"""The routes below ``/v1``: one row each, with methods and who it is open to."""

from sessions_core.permissions import API_KEY, Route, urlpatterns_of
from user_sessions.backend_api.views import JwksView, SessionsView, UnknownView

SECRET_KEY = [API_KEY]
ANY_METHOD = dict.fromkeys(["GET", "POST", "PUT", "PATCH", "DELETE"], "refuse")

ROUTES = [
    Route("sessions", SessionsView, {"GET": "list", "POST": "create"}, SECRET_KEY),
    Route("sessions/<str:session_id>", SessionsView, {"GET": "retrieve"}, SECRET_KEY),
    Route("sessions/<str:session_id>/revoke", SessionsView, {"POST": "revoke"}, SECRET_KEY),
    Route("sessions/<str:session_id>/tokens", SessionsView, {"POST": "mint"}, SECRET_KEY),
    Route("jwks", JwksView, {"GET": "list"}, SECRET_KEY),
    Route("<path:rest>", UnknownView, ANY_METHOD, SECRET_KEY),
]

app_name = "backend_api"
urlpatterns = urlpatterns_of(ROUTES)
