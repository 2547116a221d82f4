"""The base view of the Frontend API: how a request is read, and what every response has."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from sessions_core.http.caller import client_address
from sessions_core.http.cors import Cors
from sessions_core.http.error_reports import RedactingReporterFilter, remove_query
from sessions_core.http.responses import Response
from sessions_core.models import Workspace
from sessions_core.rates import network_of
from user_sessions.clerk.base_view import ClerkView
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.calling_client import CallingClient
from user_sessions.clerk.frontend.client_answers import ClientAnswers, set_cookies
from user_sessions.clerk.frontend.client_authentication import Caller, ClientAuthentication
from user_sessions.clerk.frontend.credential_attempts import CredentialAttempts
from user_sessions.clerk.frontend.forms import FormParser
from user_sessions.clerk.frontend.frontend_errors import REFUSALS
from user_sessions.clerk.versions import version_of
from user_sessions.models import UserSessionPolicy
from user_sessions.request_devices import device_of_request
from user_sessions.user_agents import Device

__all__ = ["FrontendView"]

OVERRIDES = ("DELETE", "PATCH", "PUT")


class FrontendView(ClerkView):
    authentication_classes: Sequence[type[BaseAuthentication]] = (ClientAuthentication,)
    parser_classes = (FormParser,)
    cors = Cors(
        methods=("GET", "POST", *OVERRIDES),
        request_headers=("Authorization", "Content-Type", "Clerk-API-Version"),
        response_headers=("Authorization", "Clerk-Db-Jwt", "Retry-After", "X-Country"),
    )

    credential_refused = "signed_out"
    refusals = REFUSALS

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Apply ``_method`` in the query of a POST: pages send only GET and POST without a CORS preflight."""
        request.exception_reporter_filter = RedactingReporterFilter()  # Django reads this attribute
        with suppress(SuspiciousOperation):
            methods = request.GET.getlist("_method")
            if request.method == "POST" and len(methods) == 1 and methods[0] in OVERRIDES:
                request.method = methods[0]
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        version_of(request)
        if request.method == "POST" and "_method" in request.query_params:
            raise ClerkError("malformed_request_parameters", f"_method is one of {', '.join(OVERRIDES)}, once.")

    def allowed_origin(self, request: Request) -> str:
        caller = request.auth if self.is_authenticated else None
        return (caller.page or "") if isinstance(caller, Caller) else super().allowed_origin(request)

    def requested_workspace(self, request: HttpRequest | Request) -> Workspace | None:
        with suppress(DisallowedHost):
            return UserSessionPolicy.objects.workspace_at(request.get_host())
        return None

    @property
    def caller(self) -> Caller:
        caller: Caller = self.request.auth  # type: ignore[assignment]  # set by our authentication
        return caller

    @property
    def network(self) -> str:
        """Return the caller's network, which counts requests without another key."""
        return network_of(client_address(self.request))

    @cached_property
    def device(self) -> Device:
        """Return the caller's device."""
        return device_of_request(self.request)

    @cached_property
    def own(self) -> CallingClient:
        return CallingClient(self.caller)

    @property
    def answers(self) -> ClientAnswers:
        return ClientAnswers(self.own, self.caller.page)

    @property
    def attempts(self) -> CredentialAttempts:
        return CredentialAttempts(workspace=self.caller.workspace, network=self.network, request=self.request._request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code < 400 and isinstance(request.auth, Caller):
            set_cookies(response, request.auth, self.own.row)
        return response

    def error_response(self, error: Exception) -> Response | None:
        answer = super().error_response(error)
        if answer is None or answer.status_code == 500:
            remove_query(self.request._request)  # an error report would quote it
        return answer
