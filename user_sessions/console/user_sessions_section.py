"""The sessions of a user on the page of that user, with a button that ends all of them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessions_core.console.console_permissions import permission_for
from sessions_core.console.console_words import address_of
from sessions_core.console.user_sections import register_section
from user_sessions.console.session_words import session_list
from user_sessions.models import UserSession

__all__ = ["register"]

# Sessions on the page of a user, the newest ones. It links to the list of all.
MOST = 20


def show(request: HttpRequest, site: admin.AdminSite, user: Any) -> SafeString:
    """Return the newest sessions and a button. Three queries. A site without the page of sessions has no links."""
    at = timezone.now()
    rows = UserSession.objects.of_user(user).with_status_facts().select_related("user", "client", "latest_activity")
    every = address_of(site, UserSession, "changelist", query={"user": user.pk})
    listed = session_list(rows.order_by("-created_at", "-id")[:MOST], at, every)
    url = address_of(site, UserSession, "sign_out_user", user.pk)
    if not (url and request.user.has_perm(permission_for("revoke", UserSession))):
        return listed
    button = format_html('<p><a class="button" href="{}">{}</a></p>', url, gettext("Sign out everywhere"))
    return format_html("{}{}", button, listed)


def register() -> None:
    """Register the section. Called by the module that Django's admin discovers."""
    register_section(
        "user_sessions", show, label=_("Sessions and devices"), permission=permission_for("view", UserSession)
    )
