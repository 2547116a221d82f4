"""The client sessions of a user on the page of that user."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from client_sessions.models import ClientSession
from sessions_core.console.console_words import link_to, time_in_words
from sessions_core.console.user_sections import register_section
from sessions_core.user_keys import PREFIX

__all__ = ["register"]

# Sessions on the page of a user.
MOST = 20


def show(request: HttpRequest, site: admin.AdminSite, user: Any) -> SafeString | str:
    """Return the live sessions with a key that hosts use for a user: an id, the user name or the address. One query."""
    email = getattr(user, user.get_email_field_name(), "")
    keys = {str(user.pk), f"{PREFIX}{user.pk}", user.get_username(), email} - {""}
    found = ClientSession.objects.filter(user_identifier_key__in=keys).live(at=timezone.now())
    rows = [
        (link_to(each), each.user_identifier_key, time_in_words(each.expires_at))
        for each in found.order_by("-created_at", "-id")[:MOST]
    ]
    return (
        format_html('<ul class="gatepass-sessions">{}</ul>', format_html_join("", "<li>{} {} {}</li>", rows))
        if rows
        else "-"
    )


def register() -> None:
    """Register the section. Called by the module that Django's admin discovers."""
    register_section(
        "client_sessions",
        show,
        label=_("Client sessions whose key is this user's ID, name or address"),
        permission="client_sessions.view_clientsession",
    )
