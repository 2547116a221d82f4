"""Grants in words, and the page that takes one away."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from client_sessions import resources
from client_sessions.console.reach import resources_of, terms_in_words, types_behind
from client_sessions.exceptions import NotLive
from client_sessions.models import Grant
from sessions_core.console.actions import Reason, confirmed
from sessions_core.console.console_permissions import operator, permission_for
from sessions_core.console.console_words import link_to
from sessions_core.console.pages import FactAdmin

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.functional import _StrOrPromise

__all__ = ["GrantAdmin", "described"]


@admin.register(Grant)
class GrantAdmin(FactAdmin):
    """The list of a session's grants, which its page links to. It stands in no index."""

    list_display = ("client_session", "resource_type", "formatted_id", "allowed", "created_at")
    ordering = ("-id",)
    list_select_related = ("client_session",)
    fields = readonly_fields = ("client_session", "resource_type", "formatted_id", "allowed", "created_at")
    actions = ("revoke",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return False: the page of a session leads here, not the index."""
        return False

    @admin.display(description=_("resource ID"))
    def formatted_id(self, grant: Grant) -> str:
        """Return the id in the format of the API."""
        return resources.format_id(grant.resource_type, grant.resource_id)

    @admin.display(description=pgettext_lazy("grant", "allowed"))
    def allowed(self, grant: Grant) -> str:
        return terms_in_words(grant, at=timezone.now())

    @confirmed(
        _("Revoke selected grants"),
        done=pgettext_lazy("grants", "revoked"),
        permission="revoke",
        reason=Reason.OPTIONAL,
        button=_("Revoke this grant"),
    )
    def revoke(self, request: HttpRequest, grant: Grant, *, reason: str) -> bool:
        """Return False for a grant of a session that is over, which reaches nothing."""
        wanted = {grant.resource_type: [resources.format_id(grant.resource_type, grant.resource_id)]}
        try:
            grant.client_session.revoke_access(wanted, actor=operator(request), reason=reason)
        except (NotLive, resources.Missing):
            return False
        return True

    def page_of(self, obj: Model) -> str:
        """Return the page of the session: that of a revoked grant is gone."""
        assert isinstance(obj, Grant)
        return reverse(
            "admin:client_sessions_clientsession_change",
            args=[quote(obj.client_session_id)],
            current_app=self.admin_site.name,
        )

    def consequences(self, request: HttpRequest, action: str, queryset: "QuerySet[Any]") -> "list[_StrOrPromise]":
        return [_("The session no longer reaches this resource, unless another of its grants leads to it.")]


def described(
    request: HttpRequest, site: admin.AdminSite, grants: Sequence[Grant], *, at: datetime
) -> Iterator[dict[str, Any]]:
    """Yield what the page of a session shows of each grant. One query for each type of resource."""
    rows = resources_of(grants)
    may_revoke = request.user.has_perm(permission_for("revoke", Grant))
    for grant in grants:
        resource_type = resources.get(grant.resource_type)
        model = resource_type.model if resource_type else None
        row = rows.get((grant.resource_type, grant.resource_id))
        may_see = request.user.has_perm(permission_for("view", type(row))) if row else False
        yield {
            "kind": capfirst(model._meta.verbose_name) if model else grant.resource_type,
            "id": resources.format_id(grant.resource_type, grant.resource_id),
            "name": link_to(row) if row and may_see else "",
            "is_missing": row is None,
            "allowed": terms_in_words(grant, at=at),
            "is_live": grant.is_live(at),
            "leads_to": _leads_to(grant.resource_type),
            "revoke_url": reverse(
                "admin:client_sessions_grant_act", args=[quote(grant.pk), "revoke"], current_app=site.name
            )
            if may_revoke
            else "",
        }


def _leads_to(name: str) -> str:
    """Return what else a grant of this type can reach, in words, or an empty text."""
    behind = ", ".join(str(each.model._meta.verbose_name_plural) for each in types_behind(name))
    return gettext("and its %(resources)s") % {"resources": behind} if behind else ""
