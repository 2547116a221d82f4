"""The routes of the Backend API below ``/v1``: path, view, methods, credentials and scopes of API keys."""

from sessions_core.credentials import API_KEY
from sessions_core.http.routes import ANY_KEY, Route, RouteTable
from user_sessions.api_key_scopes import JWT_TEMPLATES, TICKETS, USER_SESSIONS
from user_sessions.clerk.backend.client_views import ClientsView
from user_sessions.clerk.backend.key_set_views import JwksView
from user_sessions.clerk.backend.session_views import SessionsView
from user_sessions.clerk.backend.template_views import JwtTemplatesView
from user_sessions.clerk.backend.ticket_views import ActorTokensView, SignInTokensView
from user_sessions.clerk.backend.unknown_backend_views import UnknownView
from user_sessions.clerk.backend.user_views import UsersView
from user_sessions.clerk.paths import ANY_METHOD, ANYTHING

BACKENDS = [API_KEY]

READ, WRITE = USER_SESSIONS.read, USER_SESSIONS.write

# First path segments of this API. Other paths below /v1/ belong to the host project.
FAMILIES = ["sessions", "clients", "users", "jwt_templates", "sign_in_tokens", "actor_tokens", "jwks"]

ROUTES = [
    Route("sessions", SessionsView, {"GET": "list", "POST": "create"}, BACKENDS, {"list": READ, "create": WRITE}),
    Route("sessions/<str:session_id>", SessionsView, {"GET": "retrieve"}, BACKENDS, READ),
    Route("sessions/<str:session_id>/revoke", SessionsView, {"POST": "revoke"}, BACKENDS, WRITE),
    Route("sessions/<str:session_id>/verify", SessionsView, {"POST": "verify"}, BACKENDS, READ),
    Route("sessions/<str:session_id>/refresh", SessionsView, {"POST": "refresh"}, BACKENDS, WRITE),
    Route("sessions/<str:session_id>/tokens", SessionsView, {"POST": "mint"}, BACKENDS, WRITE),
    Route(
        "sessions/<str:session_id>/tokens/<str:template_name>",
        SessionsView,
        {"POST": "mint_from_template"},
        BACKENDS,
        WRITE,
    ),
    Route("clients", ClientsView, {"GET": "list"}, BACKENDS, READ),
    Route("clients/verify", ClientsView, {"POST": "verify"}, BACKENDS, READ),
    Route("clients/handshake_payload", ClientsView, {"GET": "redeem_handshake"}, BACKENDS, WRITE),
    Route("clients/<str:client_id>", ClientsView, {"GET": "retrieve"}, BACKENDS, READ),
    Route("clients/<str:client_id>/revoke_sessions", ClientsView, {"POST": "revoke_sessions"}, BACKENDS, WRITE),
    Route("users/<str:user_id>", UsersView, {"GET": "retrieve"}, BACKENDS, READ),
    Route("users/<str:user_id>/revoke_sessions", UsersView, {"POST": "revoke_sessions"}, BACKENDS, WRITE),
    Route(
        "jwt_templates",
        JwtTemplatesView,
        {"GET": "list", "POST": "create"},
        BACKENDS,
        {"list": JWT_TEMPLATES.read, "create": JWT_TEMPLATES.write},
    ),
    Route("jwt_templates/preview", JwtTemplatesView, {"POST": "preview"}, BACKENDS, JWT_TEMPLATES.write),
    Route(
        "jwt_templates/<str:template_id>",
        JwtTemplatesView,
        {"GET": "retrieve", "PATCH": "update", "DELETE": "destroy"},
        BACKENDS,
        {"retrieve": JWT_TEMPLATES.read, "update": JWT_TEMPLATES.write, "destroy": JWT_TEMPLATES.write},
    ),
    Route("sign_in_tokens", SignInTokensView, {"POST": "create"}, BACKENDS, TICKETS.write),
    Route("sign_in_tokens/<str:ticket_id>/revoke", SignInTokensView, {"POST": "revoke"}, BACKENDS, TICKETS.write),
    Route("actor_tokens", ActorTokensView, {"POST": "create"}, BACKENDS, TICKETS.write),
    Route("actor_tokens/<str:ticket_id>/revoke", ActorTokensView, {"POST": "revoke"}, BACKENDS, TICKETS.write),
    Route("jwks", JwksView, {"GET": "list"}, BACKENDS, READ),
    *(Route(f"{family}/{ANYTHING}", UnknownView, ANY_METHOD, BACKENDS, ANY_KEY) for family in FAMILIES),
]

urlpatterns = [RouteTable(ROUTES)]
