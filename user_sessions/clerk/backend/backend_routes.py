"""The routes of the Backend API below ``/v1``: path, view, methods and credentials."""

from sessions_core.credentials import API_KEY
from sessions_core.http.routes import Route, urlpatterns_of
from user_sessions.clerk.backend.client_views import ClientsView
from user_sessions.clerk.backend.key_set_views import JwksView
from user_sessions.clerk.backend.session_views import SessionsView
from user_sessions.clerk.backend.template_views import JwtTemplatesView
from user_sessions.clerk.backend.ticket_views import ActorTokensView, SignInTokensView
from user_sessions.clerk.backend.unknown_backend_views import UnknownView
from user_sessions.clerk.backend.user_views import UsersView
from user_sessions.clerk.paths import ANY_METHOD, ANYTHING

BACKENDS = [API_KEY]

# First path segments of this API. Other paths below /v1/ belong to the host project.
FAMILIES = ["sessions", "clients", "users", "jwt_templates", "sign_in_tokens", "actor_tokens", "jwks"]

ROUTES = [
    Route("sessions", SessionsView, {"GET": "list", "POST": "create"}, BACKENDS),
    Route("sessions/<str:session_id>", SessionsView, {"GET": "retrieve"}, BACKENDS),
    Route("sessions/<str:session_id>/revoke", SessionsView, {"POST": "revoke"}, BACKENDS),
    Route("sessions/<str:session_id>/verify", SessionsView, {"POST": "verify"}, BACKENDS),
    Route("sessions/<str:session_id>/refresh", SessionsView, {"POST": "refresh"}, BACKENDS),
    Route("sessions/<str:session_id>/tokens", SessionsView, {"POST": "mint"}, BACKENDS),
    Route(
        "sessions/<str:session_id>/tokens/<str:template_name>", SessionsView, {"POST": "mint_from_template"}, BACKENDS
    ),
    Route("clients", ClientsView, {"GET": "list"}, BACKENDS),
    Route("clients/verify", ClientsView, {"POST": "verify"}, BACKENDS),
    Route("clients/handshake_payload", ClientsView, {"GET": "redeem_handshake"}, BACKENDS),
    Route("clients/<str:client_id>", ClientsView, {"GET": "retrieve"}, BACKENDS),
    Route("clients/<str:client_id>/revoke_sessions", ClientsView, {"POST": "revoke_sessions"}, BACKENDS),
    Route("users/<str:user_id>", UsersView, {"GET": "retrieve"}, BACKENDS),
    Route("users/<str:user_id>/revoke_sessions", UsersView, {"POST": "revoke_sessions"}, BACKENDS),
    Route("jwt_templates", JwtTemplatesView, {"GET": "list", "POST": "create"}, BACKENDS),
    Route("jwt_templates/preview", JwtTemplatesView, {"POST": "preview"}, BACKENDS),
    Route(
        "jwt_templates/<str:template_id>",
        JwtTemplatesView,
        {"GET": "retrieve", "PATCH": "update", "DELETE": "destroy"},
        BACKENDS,
    ),
    Route("sign_in_tokens", SignInTokensView, {"POST": "create"}, BACKENDS),
    Route("sign_in_tokens/<str:ticket_id>/revoke", SignInTokensView, {"POST": "revoke"}, BACKENDS),
    Route("actor_tokens", ActorTokensView, {"POST": "create"}, BACKENDS),
    Route("actor_tokens/<str:ticket_id>/revoke", ActorTokensView, {"POST": "revoke"}, BACKENDS),
    Route("jwks", JwksView, {"GET": "list"}, BACKENDS),
    *(Route(f"{family}/{ANYTHING}", UnknownView, ANY_METHOD, BACKENDS) for family in FAMILIES),
]

app_name = "user_sessions_backend_api"
urlpatterns = urlpatterns_of(ROUTES)
