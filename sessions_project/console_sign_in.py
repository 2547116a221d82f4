"""The login page of the admin, with the rate limits of sign-ins (``USER_SESSIONS["RATES"]``)."""

from copy import copy

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse

from sessions_core.http.caller import client_address
from sessions_core.models import Event
from sessions_core.models.refusal_counts import RefusalKind, refusals
from sessions_core.rates import Rate, network_of, seconds_to_wait
from sessions_core.texts import is_storable
from user_sessions.conf import settings
from user_sessions.passwords import attempt_limits
from user_sessions.users import can_be_name, normalize_name

__all__ = ["LIMITED", "sign_in"]

# The type of the event.
LIMITED = "console_sign_in.limited"


class RefusingForm(AdminAuthenticationForm):
    """A login form that refuses every attempt without checking the password."""

    def clean(self) -> dict[str, object]:
        raise forms.ValidationError("Too many attempts. Try again later.")


def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the page, and sign an operator in unless the rate limit is exceeded."""
    seconds = _seconds_to_wait(request) if request.method == "POST" else 0
    if not seconds:
        return admin.site.login(request)
    refusals.count(RefusalKind.RATE_LIMIT)
    site = copy(admin.site)
    site.login_form = RefusingForm
    response = site.login(request)
    response.status_code = 429
    response.headers["Retry-After"] = str(seconds)
    return response


def _seconds_to_wait(request: HttpRequest) -> int:
    """Count an attempt in the counters of ``SignInsView``. Record an event for the first refusal of a window."""
    network, name = network_of(client_address(request)), request.POST.get("username", "")
    if seconds := settings.seconds_to_wait("visitor", network):
        _record("visitor", network, network=network)
        return seconds
    for kind, whose in attempt_limits(_user_key(name) or normalize_name(name), network):
        if seconds := settings.seconds_to_wait(kind, *whose):
            _record(kind, *whose, network=network)
            return seconds
    return 0


def _user_key(name: str) -> object | None:
    model = get_user_model()
    if not is_storable(name) or not can_be_name(name):
        return None
    named = {model.USERNAME_FIELD: model.normalize_username(name.strip())}
    return model._default_manager.filter(**named).values_list("pk", flat=True).first()


def _record(kind: str, *whose: object, network: str) -> None:
    rate = settings.rate_of(kind)
    if rate and seconds_to_wait(Rate(requests=1, seconds=rate.seconds), LIMITED, kind, *whose) == 0:
        # An operator belongs to no workspace.
        Event.objects.record(LIMITED, subject="console", workspace_id=None, actor=f"visitor:{network}", limit=kind)
