"""Admin pages of tickets and signing keys. They never show a private key or a ticket's text."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.admin import HistoryAdmin, confirmed, operator
from sessions_core.changelists import BY_WORKSPACE
from user_sessions.console.template_pages import JwtTemplateAdmin
from user_sessions.models import NotPending, SigningKey, Ticket

__all__ = ["NEWEST_FIRST", "JwtTemplateAdmin", "SigningKeyAdmin", "TicketAdmin"]

# Matches the indexes that the API pages through.
NEWEST_FIRST = ("workspace_id", "-created_at", "-id")


@admin.register(Ticket)
class TicketAdmin(HistoryAdmin):
    """Shows tickets without their text, which only the backend that creates a ticket receives."""

    list_display = ("id", "kind", "user", "workspace", "stored_status", "created_at", "expire_at")
    ordering = NEWEST_FIRST
    list_filter = ("kind", "stored_status", BY_WORKSPACE)
    list_select_related = ("user", "workspace")
    searched = ((r".*", "id"),)
    search_help_text = _("A ticket ID.")
    fields = (
        "id",
        "kind",
        "user",
        "workspace",
        "stored_status",
        "impersonator",
        "session_lifetime",
        "created_at",
        "updated_at",
        "expire_at",
        "history",
    )
    readonly_fields = ("history",)
    actions = ("revoke",)

    @confirmed(_("Revoke selected tickets"), done=pgettext_lazy("tickets", "revoked"))
    def revoke(self, request: HttpRequest, ticket: Ticket) -> bool:
        try:
            ticket.revoke(actor=operator(request))
        except NotPending:
            return False
        return True


@admin.register(SigningKey)
class SigningKeyAdmin(HistoryAdmin):
    """Shows signing keys without their private key."""

    list_display = ("kid", "algorithm_name", "workspace", "stage", "active_from", "published_until", "revoked_at")
    ordering = ("-workspace_id", "-active_from", "-kid")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    list_select_related = ("workspace",)
    searched = ((r".*", "kid"),)
    search_help_text = _("A key ID.")
    fields = (
        "kid",
        "algorithm_name",
        "workspace",
        "stage",
        "public_jwk",
        "created_at",
        "active_from",
        "published_until",
        "revoked_at",
        "history",
    )
    readonly_fields = ("algorithm_name", "stage", "history")
    actions = ("retire", "revoke")

    @admin.display(description=pgettext_lazy("signing key", "algorithm"), ordering="algorithm")
    def algorithm_name(self, key: SigningKey) -> str:
        """Return the algorithm as tokens spell it."""
        return key.algorithm

    @admin.display(description=pgettext_lazy("signing key", "stage"))
    def stage(self, key: SigningKey) -> str:
        return str(key.stage_at(timezone.now()).label)

    @confirmed(
        _("Retire selected signing keys: a successor replaces each"), done=pgettext_lazy("signing keys", "retired")
    )
    def retire(self, request: HttpRequest, key: SigningKey) -> bool:
        return key.retire(actor=operator(request))

    @confirmed(
        _("Revoke selected signing keys: every token they signed becomes invalid"),
        done=pgettext_lazy("signing keys", "revoked"),
    )
    def revoke(self, request: HttpRequest, key: SigningKey) -> bool:
        return key.revoke(actor=operator(request))
