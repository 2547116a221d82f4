"""The sessions of a user on the page of that user, with a button that ends all of them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessions_core.console.console_permissions import permission_for
from sessions_core.console.console_words import address_of
from sessions_core.console.user_sections import register_section
from user_sessions.console.impersonation_pages import impersonation_address
from user_sessions.console.session_words import session_list
from user_sessions.models import UserSession

__all__ = ["register"]

# Sessions on the page of a user, the newest ones. It links to the list of all.
MOST = 20


def show(request: HttpRequest, site: admin.AdminSite, user: Any) -> SafeString:
    """Return the newest sessions and buttons. Three queries. A site without the page of sessions has no links."""
    at = timezone.now()
    rows = UserSession.objects.of_user(user).with_status_facts().select_related("user", "client", "latest_activity")
    every = address_of(site, UserSession, "changelist", query={"user": user.pk})
    listed = session_list(rows.order_by("-created_at", "-id")[:MOST], at, every)
    may_revoke = request.user.has_perm(permission_for("revoke", UserSession))
    buttons = [
        (may_revoke and address_of(site, UserSession, "sign_out_user", user.pk), gettext("Sign out everywhere")),
        (impersonation_address(request, site, user), gettext("Sign in as this user")),
    ]
    shown = format_html_join(" ", '<a class="button" href="{}">{}</a>', (each for each in buttons if each[0]))
    return format_html("<p>{}</p>{}", shown, listed) if shown else listed


def register() -> None:
    """Register the section. Called by the module that Django's admin discovers."""
    register_section(
        "user_sessions", show, label=_("Sessions and devices"), permission=permission_for("view", UserSession)
    )
