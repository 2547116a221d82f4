"""The page behind the link "This was not me" in the mail about a new device. It works without a sign-in."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from django.views.generic.base import TemplateResponseMixin

from user_sessions.disowning import disown, disownable
from user_sessions.models import UserSession
from user_sessions.pages.account_links import devices_path, new_password_path
from user_sessions.pages.device_shapes import ShownSession
from user_sessions.tokens.device_tokens import read_not_me_token

__all__ = ["NotMeView"]

# How long after the sign-in the link is valid.
LINK_LIFETIME = timedelta(days=7)

AnyView = Callable[..., HttpResponseBase]


def unlisted(view: AnyView) -> AnyView:
    """Keep the address from other pages and from search engines: it contains the token of the link."""

    @wraps(view)
    def with_headers(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    return with_headers


# Without a CSRF token: the view uses no cookie, so another site needs the token of the link too. A refusal by Django
# would log the address.
@method_decorator([csrf_exempt, login_not_required, unlisted, never_cache, xframe_options_deny], name="dispatch")
class NotMeView(TemplateResponseMixin, View):
    """A GET shows a form and changes nothing, because mail scanners follow links. A POST signs the device out."""

    template_name = "user_sessions/not_me.html"

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        session = self.session()
        return self._page(session, "form" if session is not None and disownable(session).exists() else "over")

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        session = self.session()
        return self._page(session, "signed_out" if session is not None and disown(session) else "over")

    def session(self) -> UserSession | None:
        """Return the session of the link, or None if the link is invalid or too old. No query for a forgery."""
        id = read_not_me_token(self.kwargs["token"])
        if id is None:
            return None
        since = timezone.now() - LINK_LIFETIME
        sessions = UserSession.objects.select_related("user", "client", "latest_activity")
        return sessions.filter(pk=id, created_at__gte=since).first()

    def _page(self, session: UserSession | None, state: str) -> HttpResponse:
        if session is None:
            return self.render_to_response({"state": "invalid"}, status=404)
        context = {
            "state": state,
            "device": ShownSession(session=session, at=timezone.now()),
            "zone": timezone.get_current_timezone_name(),
            "devices_url": devices_path(self.request),
            "new_password_url": new_password_path(session.user),
        }
        return self.render_to_response(context)
