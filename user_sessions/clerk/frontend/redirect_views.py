"""Views that redirect a browser: handshake, touch, and links with a ticket."""

import re
from datetime import datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from rest_framework.request import Request

from sessions_core.models import Workspace
from user_sessions.clerk.cookies import set_client, set_handshake
from user_sessions.clerk.errors import ClerkError
from user_sessions.clerk.frontend.frontend_view import FrontendView
from user_sessions.clerk.frontend.presented_tickets import refusing_used, ticket_of
from user_sessions.clerk.handshakes import Handshake, origin_of
from user_sessions.ids import new_id
from user_sessions.models import UserSessionPolicy
from user_sessions.tokens.handshake_tokens import handshake_token

__all__ = ["RedirectsView"]

# Query parameter of a handshake that is retried once.
RETRIED = "again"

DEV_BROWSER = re.compile(r"dvb_[0-9A-Za-z]{27}", re.ASCII)


class RedirectsView(FrontendView):
    def handshake(self, request: Request) -> HttpResponseBase:
        """Redirect the browser back to the app with its current cookies."""
        now, workspace = timezone.now(), self.caller.workspace
        url, origin = self._target(request)
        if self.caller.is_stale and not _query_value(request, RETRIED):  # by then the browser has its newer token
            return _redirect(request.get_full_path(), **{RETRIED: "1"})
        active = self.own.client.active_among(self.own.sessions(at=now), at=now) if self.own.row else None
        handshake = Handshake(
            session_id=active.pk if active else "",
            origin=origin,
            dev_browser=self._dev_browser(request),
            suffixed=_query_value(request, "suffixed_cookies") == "true",
        )
        nonce = {"__clerk_handshake_nonce": handshake.nonce(workspace, at=now)}
        token = {} if _query_value(request, "format") == "nonce" else _token_query(handshake, workspace, now)
        if workspace.is_sandbox:  # often on another site than the app, so cookies do not reach it
            return _redirect(url, **(token or nonce))
        response = _redirect(url)
        if not any(
            set_handshake(response, name, text, workspace, page=origin) for name, text in (token | nonce).items()
        ):
            return _redirect(url, **nonce)  # in a live workspace a URL never contains a token
        return response

    def touch(self, request: Request) -> HttpResponseBase:
        """Renew the client's cookie."""
        url, _ = self._target(request)
        response = _redirect(url)
        if self.own.row is not None and not self.caller.is_native:
            set_client(response, self.own.row)
        return response

    def accept_ticket(self, request: Request) -> HttpResponseBase:
        """Redirect to the sign-in page with the ticket. This does not use the ticket."""
        workspace, text = self.caller.workspace, _query_value(request, "ticket")
        ticket = ticket_of(text, workspace)
        with refusing_used(ticket):
            ticket.require_pending(at=timezone.now())
        sign_in_url = UserSessionPolicy.of(workspace).sign_in_url
        if not sign_in_url:
            raise ClerkError("resource_not_found", "The workspace has no sign-in URL. An operator can set it.")
        response = _redirect(iri_to_uri(sign_in_url), __clerk_ticket=text, __clerk_status="sign_in")
        response.status_code = 303
        return response

    def _target(self, request: Request) -> tuple[str, str]:
        """Return ``redirect_url`` and its origin, which the workspace must list. Raise ClerkError."""
        url = _query_value(request, "redirect_url")
        origin = origin_of(url, self.caller.workspace)
        if origin is None:
            raise ClerkError("invalid_handshake", "redirect_url must be a page of an origin that the workspace lists.")
        return url, origin

    def _dev_browser(self, request: Request) -> str:
        if not self.caller.workspace.is_sandbox:
            return ""
        given = _query_value(request, "__clerk_db_jwt")
        return given if DEV_BROWSER.fullmatch(given) else new_id("dvb", at=timezone.now())


def _token_query(handshake: Handshake, workspace: Workspace, at: datetime) -> dict[str, str]:
    return {"__clerk_handshake": handshake_token(workspace, handshake.directives(workspace, at=at), at=at)}


def _query_value(request: Request, name: str) -> str:
    """Return the value of a query parameter, or an empty string if it is missing or repeated."""
    given = request.query_params.getlist(name)
    return given[0] if len(given) == 1 else ""


def _redirect(url: str, **added: str) -> HttpResponse:
    """Redirect to a URL; the given query parameters replace existing ones."""
    parts = urlsplit(url)
    others = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in added]
    target = urlunsplit(parts._replace(query="&".join([*others, urlencode(added)]))) if added else url
    return HttpResponse(status=307, headers={"Location": target, "Referrer-Policy": "no-referrer"})
