"""The routes of the Frontend API below ``/v1``: path, view, methods and credentials."""

from sessions_core.http.routes import Route, RouteTable
from user_sessions.clerk.frontend.client_authentication import CLIENT, VISITOR
from user_sessions.clerk.frontend.environment_views import DevBrowserView, EnvironmentView
from user_sessions.clerk.frontend.me_views import MeView
from user_sessions.clerk.frontend.own_client_views import ClientView
from user_sessions.clerk.frontend.own_session_views import SessionsView
from user_sessions.clerk.frontend.redirect_views import RedirectsView
from user_sessions.clerk.frontend.reverification_views import ReverificationsView
from user_sessions.clerk.frontend.sign_in_views import SignInsView
from user_sessions.clerk.frontend.unknown_frontend_views import UnknownView
from user_sessions.clerk.paths import ANY_METHOD, ANYTHING

ANYONE = [VISITOR, CLIENT]
CLIENTS = [CLIENT]

SESSION = "client/sessions/<str:session_id>"

ROUTES = [
    Route("environment", EnvironmentView, {"GET": "retrieve", "PATCH": "retrieve"}, ANYONE),
    Route("dev_browser", DevBrowserView, {"POST": "create"}, ANYONE),
    Route("client", ClientView, {"GET": "retrieve", "POST": "create", "PUT": "create", "DELETE": "destroy"}, ANYONE),
    Route("client/sign_ins", SignInsView, {"POST": "create"}, ANYONE),
    Route("client/sign_ins/<str:sign_in_id>", SignInsView, {"GET": "retrieve"}, CLIENTS),
    Route(
        "client/sign_ins/<str:sign_in_id>/attempt_first_factor", SignInsView, {"POST": "attempt_first_factor"}, CLIENTS
    ),
    Route(
        "client/sign_ins/<str:sign_in_id>/attempt_second_factor",
        SignInsView,
        {"POST": "attempt_second_factor"},
        CLIENTS,
    ),
    Route("client/sign_ins/<str:sign_in_id>/prepare_second_factor", SignInsView, {"POST": "refuse_factor"}, CLIENTS),
    Route("client/sessions", ClientView, {"DELETE": "remove_sessions"}, CLIENTS),
    Route(SESSION, SessionsView, {"GET": "retrieve"}, CLIENTS),
    Route(f"{SESSION}/touch", SessionsView, {"POST": "touch"}, CLIENTS),
    Route(f"{SESSION}/end", SessionsView, {"POST": "end"}, CLIENTS),
    Route(f"{SESSION}/remove", SessionsView, {"POST": "remove"}, CLIENTS),
    Route(f"{SESSION}/tokens", SessionsView, {"POST": "mint"}, CLIENTS),
    Route(f"{SESSION}/tokens/<str:template_name>", SessionsView, {"POST": "mint_from_template"}, CLIENTS),
    Route(f"{SESSION}/verify", ReverificationsView, {"POST": "verify"}, CLIENTS),
    Route(f"{SESSION}/verify/attempt_first_factor", ReverificationsView, {"POST": "attempt_first_factor"}, CLIENTS),
    Route(f"{SESSION}/verify/prepare_first_factor", ReverificationsView, {"POST": "refuse_factor"}, CLIENTS),
    Route(f"{SESSION}/verify/prepare_second_factor", ReverificationsView, {"POST": "refuse_factor"}, CLIENTS),
    Route(f"{SESSION}/verify/attempt_second_factor", ReverificationsView, {"POST": "attempt_second_factor"}, CLIENTS),
    Route("client/handshake", RedirectsView, {"GET": "handshake"}, ANYONE),
    Route("client/touch", RedirectsView, {"GET": "touch"}, ANYONE),
    Route("tickets/accept", RedirectsView, {"GET": "accept_ticket"}, ANYONE),
    Route("me", MeView, {"GET": "retrieve"}, CLIENTS),
    Route("me/sessions", MeView, {"GET": "sessions_of_user"}, CLIENTS),
    Route("me/sessions/active", MeView, {"GET": "active_sessions"}, CLIENTS),
    Route("me/sessions/revoke_others", MeView, {"POST": "revoke_others"}, CLIENTS),
    Route("me/sessions/<str:session_id>/revoke", MeView, {"POST": "revoke"}, CLIENTS),
    *(Route(f"{beginning}/{ANYTHING}", UnknownView, ANY_METHOD, ANYONE) for beginning in ("client", "me")),
]

urlpatterns = [RouteTable(ROUTES)]
