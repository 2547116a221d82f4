"""The page where users see and end their sessions: "Your devices". Each address answers HTML or, if the ``Accept``
header prefers it, JSON."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_protect
from django.views.generic.base import TemplateResponseMixin

from sessions_core.models import NoDefaultWorkspace, Workspace
from sessions_core.passes import find_pass, passes_of
from user_sessions.conf import settings
from user_sessions.exceptions import NotLive, SessionTokenMissing, UserInactive
from user_sessions.models import UserSession
from user_sessions.models.device_rows import FIRST_PAGE, Position, ended_sessions, live_sessions, session_on_page
from user_sessions.pages.account_links import devices_namespace
from user_sessions.pages.device_shapes import ShownPass, ShownSession
from user_sessions.step_up import verified_within

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["DevicesView", "RenameView", "RevokePassView", "SignOutOthersView", "SignOutView"]

UNKNOWN_SESSION = gettext_lazy("It is unknown which device you use now. Sign out and sign in again.")

PAGE_SIZE = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POSITION = re.compile(r"(\d{1,16})\.(\w{1,40})", re.ASCII)


class Refused(Exception):
    def __init__(self, code: str, message: "_StrOrPromise", *, status: int) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class SeeOther(HttpResponseRedirect):
    status_code = 303


@method_decorator([never_cache, xframe_options_deny, csrf_protect], name="dispatch")
class OwnSessionsView(View):
    """A view of a signed-in user. It exists if ``UserSessionMiddleware`` is installed."""

    session: UserSession | None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not hasattr(request, "user_session"):
            raise Http404
        self.at = timezone.now()
        self.is_json = request.get_preferred_type(["text/html", "application/json"]) == "application/json"
        if not request.user.is_authenticated:
            return self.anonymous_response()
        session = request.user_session
        self.session = session if session and session.user_id == request.user.pk else None
        return super().dispatch(request, *args, **kwargs)

    def anonymous_response(self) -> HttpResponseBase:
        if self.is_json:
            return _json_refusal(SessionTokenMissing.code, SessionTokenMissing.message, status=401)
        return redirect_to_login(self.list_url)

    @property
    def namespace(self) -> str:
        """Return the namespace of the URLs, which a host may have included in one of its own."""
        return devices_namespace(self.request)

    @property
    def list_url(self) -> str:
        return reverse(f"{self.namespace}:list")


class DevicesView(TemplateResponseMixin, OwnSessionsView):
    """List the user's live sessions, this one first, then those that are over, and the passes given out."""

    template_name = "user_sessions/devices.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        shown = self.shown()
        if not self.is_json:
            return self.render_to_response({**shown.context, **self.get_context_data()})
        return JsonResponse(shown.json)

    def get_context_data(self) -> dict[str, Any]:
        """Return what the template knows beside the lists."""
        return {
            "view": self,
            "namespace": self.namespace,
            "messages": messages.get_messages(self.request),
            "may_act": self.session is not None,
            "zone": timezone.get_current_timezone_name(),
        }

    def shown(self) -> "Lists":
        before = _position(self.request.GET.get("before", ""))
        own = session_on_page(self.session.pk) if self.session and before == FIRST_PAGE else None
        passes = [ShownPass(given=each, at=self.at) for each in passes_of(self.request.user)]
        current = ShownSession(session=own, at=self.at, is_current=True) if own else None
        workspace_id = self._workspace_id()
        if workspace_id is None:
            return Lists(current=current, others=[], ended=[], passes=passes, next_url=None)
        own_id = self.session.pk if self.session else ""
        user, at = self.request.user, self.at
        live = live_sessions(user, workspace_id, own=own_id, before=before, most=PAGE_SIZE + 1, at=at)
        over = ended_sessions(user, workspace_id, at=at)
        return Lists(
            current=current,
            others=[ShownSession(session=each, at=at) for each in live[:PAGE_SIZE]],
            ended=[ShownSession(session=each, at=at) for each in over],
            passes=passes,
            next_url=f"{self.list_url}?before={_text_of(live[PAGE_SIZE - 1])}" if len(live) > PAGE_SIZE else None,
        )

    def _workspace_id(self) -> Any:
        if self.session is not None:
            return self.session.workspace_id
        try:
            workspace = Workspace.objects.find_default()
        except NoDefaultWorkspace:
            return None
        return workspace and workspace.pk


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What one page lists."""

    current: ShownSession | None
    others: list[ShownSession]
    ended: list[ShownSession]
    passes: list[ShownPass]
    next_url: str | None

    @property
    def context(self) -> dict[str, Any]:
        return vars(self)

    @property
    def json(self) -> dict[str, Any]:
        return {
            "sessions": [each.json for each in [*([self.current] if self.current else []), *self.others]],
            "ended_sessions": [each.json for each in self.ended],
            "passes": [each.json for each in self.passes],
            "next": self.next_url,
        }


class ActionView(OwnSessionsView):
    """An action of the page. ``act`` returns what a person reads and what a script reads."""

    session: Any  # a session in ``act``

    def post(self, request: HttpRequest, **_: str) -> HttpResponseBase:
        def view(request: HttpRequest) -> HttpResponseBase:
            return self._answer()

        within = settings.devices_page_verified_within
        guarded = view if within is None else verified_within(minutes=within // timedelta(minutes=1))(view)
        return guarded(request)

    def act(self) -> "tuple[_StrOrPromise, dict[str, Any]]":
        raise NotImplementedError

    def named_session(self) -> UserSession:
        """Return the session of the user that the address names. Raise Refused."""
        session = UserSession.of_id(self.session.workspace, self.kwargs["session_id"])
        if session is None or session.user_id != self.session.user_id:
            raise Refused("not_found", gettext("The device was not found."), status=404)
        return session

    def _answer(self) -> HttpResponse:
        try:
            if self.session is None:
                raise Refused("session_unknown", UNKNOWN_SESSION, status=403)
            message, body = self.act()
        except Refused as refused:
            return self._refusal(refused)
        if self.is_json:
            return JsonResponse(body)
        messages.success(self.request, str(message), fail_silently=True)
        return SeeOther(self.list_url)

    def _refusal(self, refused: Refused) -> HttpResponse:
        if self.is_json:
            return _json_refusal(refused.code, refused.message, status=refused.status)
        content_type = "text/plain; charset=utf-8"  # the page shows no button that leads here
        return HttpResponse(refused.message, status=refused.status, content_type=content_type)


class SignOutView(ActionView):
    def act(self) -> "tuple[_StrOrPromise, dict[str, Any]]":
        session = self.named_session()
        if session.pk == self.session.pk:
            logout(self.request)
            return gettext("You are signed out."), {"signed_out": [session.pk]}
        happened = session.revoke(actor=self.session.actor, at=self.at, reason="the user signed the device out")
        return gettext("The device is signed out."), {"signed_out": [session.pk] if happened else []}


class SignOutOthersView(ActionView):
    def act(self) -> "tuple[_StrOrPromise, dict[str, Any]]":
        try:
            revoked = self.session.revoke_others(at=self.at, reason="the user signed out all other devices")
        except (NotLive, UserInactive):
            raise Refused("session_unknown", UNKNOWN_SESSION, status=403) from None
        return gettext("All other devices are signed out."), {"signed_out": list(revoked)}


class RenameView(ActionView):
    def act(self) -> "tuple[_StrOrPromise, dict[str, Any]]":
        client = self.named_session().client
        client.rename(self.request.POST.get("name", ""), actor=self.session.actor, at=self.at)
        return gettext("The name is saved."), {"name": client.name}


class RevokePassView(ActionView):
    def act(self) -> "tuple[_StrOrPromise, dict[str, Any]]":
        found = find_pass(self.request.user, self.kwargs["kind"], self.kwargs["pass_id"])
        if found is None:
            raise Refused("not_found", gettext("The access token was not found."), status=404)
        happened = found.revoke(actor=self.session.actor, at=self.at)
        return gettext("The access token is revoked."), {"revoked": happened}


def _json_refusal(code: str, message: "_StrOrPromise", *, status: int) -> JsonResponse:
    return JsonResponse({"detail": message, "code": code}, status=status)


def _text_of(session: UserSession) -> str:
    """Return the position after a session, as the query of the next page has it."""
    return f"{(session.created_at - EPOCH) // timedelta(microseconds=1)}.{session.pk}"


def _position(text: str) -> Position:
    """Return the position that a query has. Anything else is the first page."""
    found = POSITION.fullmatch(text)
    return (EPOCH + timedelta(microseconds=int(found[1])), found[2]) if found else FIRST_PAGE
