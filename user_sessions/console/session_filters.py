"""Filters of the list of user sessions, by what holds now."""

from typing import TYPE_CHECKING, Any

from django.db.models import TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.console.choice_filters import ChoiceFilter
from user_sessions.authentication_methods import HARDWARE_KEY, ONE_TIME_PASSWORD, PASSWORD, SEVERAL_FACTORS
from user_sessions.models import Status
from user_sessions.models.voiding import PASSWORD_CHANGED, USER_DEACTIVATED

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = [
    "LIVE",
    "DeviceFilter",
    "EndedByFilter",
    "ImpersonationFilter",
    "MethodFilter",
    "ReasonFilter",
    "StatusFilter",
]

LIVE = "live"


class StatusFilter(ChoiceFilter):
    """Filter by the current status, so that expired sessions are not listed as active."""

    title = pgettext_lazy("user session", "status")
    parameter_name = "status_now"
    offered = [
        (LIVE, pgettext_lazy("user session", "Live (active or pending)")),
        *((status.value, status.label) for status in Status),
    ]

    def filtered(self, queryset: Any, value: str) -> Any:
        now = timezone.now()
        return queryset.live(at=now) if value == LIVE else queryset.with_status(value, at=now)


class DeviceFilter(ChoiceFilter):
    title = pgettext_lazy("user session", "device")
    parameter_name = "device_kind"
    offered = [
        ("mobile", _("phone or tablet")),
        ("computer", pgettext_lazy("device", "computer")),
        ("unknown", pgettext_lazy("device", "unknown")),
    ]

    def filtered(self, queryset: Any, value: str) -> Any:
        if value == "unknown":
            return queryset.filter(latest_activity=None)
        return queryset.filter(latest_activity__is_mobile=value == "mobile")


class MethodFilter(ChoiceFilter):
    """Filter by a value of ``amr``."""

    title = _("signed in with")
    parameter_name = "method"
    offered = [
        (PASSWORD, pgettext_lazy("sign-in", "password")),
        (ONE_TIME_PASSWORD, _("one-time code")),
        (HARDWARE_KEY, _("security key")),
        (SEVERAL_FACTORS, _("several factors")),
        ("unknown", pgettext_lazy("sign-in", "unknown")),
    ]

    def filtered(self, queryset: Any, value: str) -> Any:
        if value == "unknown":
            return queryset.filter(amr=[])
        # Not ``contains`` of a JSON column, which SQLite does not have.
        return queryset.alias(amr_text=Cast("amr", TextField())).filter(amr_text__contains=f'"{value}"')


class EndedByFilter(ChoiceFilter):
    title = _("ended by")
    parameter_name = "ended_by"
    offered = [
        ("operator", _("an operator")),
        ("user_session", _("the user")),
        ("api_key", _("a backend")),
        ("system", _("a rule of the server")),
    ]

    def filtered(self, queryset: Any, value: str) -> Any:
        return queryset.filter(closed_by__startswith=f"{value}:")


class ReasonFilter(ChoiceFilter):
    """Offers the reasons that this server records, and accepts any other in the address."""

    title = pgettext_lazy("user session", "reason of the end")
    parameter_name = "reason"
    offered = [
        (PASSWORD_CHANGED, PASSWORD_CHANGED),
        (USER_DEACTIVATED, USER_DEACTIVATED),
        *(
            (reason, reason)
            for reason in (
                "the user signed the device out",
                "the user signed out all other devices",
                "the user signed in again",
                "the user's limit of live sessions was reached",
                "another session took its place",
            )
        ),
    ]

    def lookups(self, request: HttpRequest, model_admin: Any) -> "list[tuple[str, _StrOrPromise]]":
        given = request.GET.get(self.parameter_name)
        known = super().lookups(request, model_admin)
        return known if given is None or given in dict(known) else [*known, (given, given)]

    def filtered(self, queryset: Any, value: str) -> Any:
        return queryset.filter(close_reason=value)


class ImpersonationFilter(ChoiceFilter):
    title = pgettext_lazy("user session", "impersonation")
    parameter_name = "impersonated"
    offered = [("yes", _("only impersonations")), ("no", _("no impersonations"))]

    def filtered(self, queryset: Any, value: str) -> Any:
        return queryset.filter(impersonator__isnull=value == "no")
