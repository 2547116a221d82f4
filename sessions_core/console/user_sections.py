"""Sections on the page of a user of the host's: their sessions, and what else an app knows of them.

An app registers its sections. They stand on Django's own page of a user; a host with another page adds
``UserSectionsMixin`` to it. The page keeps its templates, forms and permissions: a section is a read-only field.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.forms import Media
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.console.console_words import time_in_words
from sessions_core.passes import kinds_seen_by, passes_of

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["UserSectionsMixin", "register_section"]

# Where a request keeps its sections: Django asks for the fields several times and compares them.
KEPT = "_gatepass_user_sections"

# Returns what a section shows of a user: the request, the admin site, the user.
Show = Callable[[HttpRequest, admin.AdminSite, Any], SafeString | str]


@dataclass(frozen=True, kw_only=True)
class Section:
    """``permission`` is what an operator needs to see it, such as ``user_sessions.view_usersession``, or empty."""

    label: "_StrOrPromise"
    permission: str
    show: Show


_sections: dict[str, Section] = {}


def register_section(name: str, show: Show, *, label: "_StrOrPromise", permission: str = "") -> None:
    """Register a section. Call it in the module of an app's admin pages. Another section of this name replaces it."""
    _sections[name] = Section(label=label, permission=permission, show=show)


class UserSectionsMixin(admin.ModelAdmin):
    """Adds the sections to the page of a user: ``class UserAdmin(UserSectionsMixin, BaseUserAdmin)``."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets: Any = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        added = (pgettext_lazy("console", "Sessions"), {"fields": self._fields(request)})
        return [*fieldsets, added]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields: Any = super().get_readonly_fields(request, obj)
        return fields if obj is None else [*fields, *self._fields(request)]

    @property
    def media(self) -> Media:
        return super().media + Media(css={"all": ["sessions_core/console.css"]})

    def _fields(self, request: HttpRequest) -> list[Callable[[Any], SafeString | str]]:
        if not hasattr(request, KEPT):
            seen = [
                each for each in _sections.values() if not each.permission or request.user.has_perm(each.permission)
            ]
            passes = [PASSES] if kinds_seen_by(request.user) else []
            setattr(request, KEPT, [self._field(request, each) for each in [*passes, *seen]])
        kept: list[Callable[[Any], SafeString | str]] = getattr(request, KEPT)
        return kept

    def _field(self, request: HttpRequest, section: Section) -> Callable[[Any], SafeString | str]:
        @admin.display(description=section.label)
        def gatepass_section(user: Any) -> SafeString | str:
            return section.show(request, self.admin_site, user)

        return gatepass_section


class StockUserAdmin(UserSectionsMixin, UserAdmin):
    """Django's own page with the sections."""


def extend_stock_page() -> None:
    """Add the sections to the page of users if it is Django's own one. A page of the host's is never changed."""
    model = get_user_model()
    if type(admin.site._registry.get(model)) is UserAdmin:
        admin.site.unregister(model)
        admin.site.register(model, StockUserAdmin)


def _passes(request: HttpRequest, site: admin.AdminSite, user: Any) -> SafeString | str:
    rows = [
        (each.label, each.name, time_in_words(each.created_at), time_in_words(each.last_used_at))
        for each in passes_of(user, kinds=kinds_seen_by(request.user))
    ]
    line = gettext("{kind} “{name}”, created {created}, last used {used}")
    lines = (
        [format_html(line, kind=kind, name=name, created=created, used=used)] for kind, name, created, used in rows
    )
    return (
        format_html('<ul class="gatepass-sessions">{}</ul>', format_html_join("", "<li>{}</li>", lines))
        if rows
        else "-"
    )


# Each kind has its own permission, so this section is not registered as the others are.
PASSES = Section(label=_("Access tokens in this user's name"), permission="", show=_passes)
