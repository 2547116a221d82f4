"""The page on which an operator gets a link that signs one browser in as a user. The link is shown once."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables

from sessions_core.console.admin_log import log_event
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.console_words import address_of
from sessions_core.console.recent_authentication import require_recent_authentication
from sessions_core.db.transactions import atomic
from sessions_core.http.caching import PRIVATE
from sessions_core.models import Event
from sessions_core.user_keys import key_in_text
from user_sessions.console.impersonation_forms import ImpersonationForm
from user_sessions.exceptions import ImpersonationRefused, UserInactive
from user_sessions.models import Ticket
from user_sessions.tokens.ticket_tokens import ticket_token, ticket_url
from user_sessions.users import may_be_impersonated, user_id

__all__ = ["Impersonating", "impersonation_address"]

# How long the link can be used, and how long its session lasts.
LINK_LIFETIME = timedelta(minutes=10)
SESSION_LIFETIME = timedelta(minutes=30)


def impersonation_address(request: HttpRequest, site: admin.AdminSite, user: Any) -> str:
    """Return the address of the page, or an empty text if the operator cannot sign in as this user."""
    is_allowed = request.user.has_perm(permission_for("impersonate", Ticket))
    is_possible = is_allowed and user.is_active and may_be_impersonated(user)
    return address_of(site, Ticket, "impersonate", user.pk) if is_possible else ""


class Impersonating(admin.ModelAdmin):
    """Adds the page to that of tickets."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.impersonate_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_impersonate"
        return [path("of_user/<path:user_key>/impersonate/", view, name=name), *super().get_urls()]

    @sensitive_variables()
    def impersonate_view(self, request: HttpRequest, user_key: str) -> HttpResponse:
        """Ask for the workspace and a reason, or create a ticket and show its link once."""
        require_permission(request, permission_for("impersonate", Ticket))
        require_recent_authentication(request)
        model = get_user_model()
        user: Any = get_object_or_404(QuerySet(model), pk=key_in_text(user_key, model))
        form = ImpersonationForm(request.POST or None, user=user)
        if request.method == "POST" and form.is_valid():
            try:
                link = self._issue(request, user, **form.cleaned_data)
            except (ImpersonationRefused, UserInactive):
                form.add_error(None, _refused())
            else:
                title = gettext("A link that signs in as {user}").format(user=user)
                return self._user_page(request, user, "impersonation_link", title=title, link=link)
        title = gettext("Sign in as {user}").format(user=user)
        return self._user_page(request, user, "impersonation_form", title=title, form=form, facts=_consequences())

    @atomic()
    def _issue(self, request: HttpRequest, user: Any, *, workspace: Any, reason: str) -> str | None:
        """Create a ticket and return its link. Raise ImpersonationRefused or UserInactive."""
        ticket = Ticket.objects.issue(
            workspace,
            user,
            actor=operator(request),
            lifetime=LINK_LIFETIME,
            impersonator={"sub": user_id(request.user.pk)},
            session_lifetime=SESSION_LIFETIME,
            reason=reason,
        )
        log_event(request, self, Event.objects.get(subject=ticket.pk))
        return ticket_url(ticket, ticket_token(ticket, at=ticket.created_at))

    def _user_page(self, request: HttpRequest, user: Any, template: str, **facts: Any) -> HttpResponse:
        site = self.admin_site
        back = address_of(site, type(user), "change", user.pk) or reverse("admin:index", current_app=site.name)
        context = {**site.each_context(request), "opts": self.opts, "back": back, **facts}
        response = TemplateResponse(request, f"user_sessions/console/{template}.html", context).render()
        response.headers["Cache-Control"] = PRIVATE
        return response


def _refused() -> str:
    return gettext(
        "This user cannot be impersonated. The user is inactive, or the rules of this project do not allow it."
    )


def _consequences() -> list[str]:
    minutes = {"link": LINK_LIFETIME.seconds // 60, "session": SESSION_LIFETIME.seconds // 60}
    return [
        gettext("You get a link to the sign-in page of the application. It works once, within {link} minutes.").format(
            **minutes
        ),
        gettext(
            "The browser that uses it is signed in as the user for {session} minutes. Its other sessions end, so use a "
            "private window."
        ).format(**minutes),
        gettext("Your reason is recorded. The session, its tokens and its events name you as the impersonator."),
        gettext("The user stays signed in elsewhere. The page of their devices shows the session as an impersonation."),
    ]
