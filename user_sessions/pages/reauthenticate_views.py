"""The page where a user of the project's own sign-in enters the password again."""

from typing import Any

from django import forms
from django.conf import settings as django_settings
from django.contrib.auth import logout
from django.contrib.auth.views import RedirectURLMixin, redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.generic import FormView

from sessions_core.http.caller import client_address
from sessions_core.http.error_reports import RedactingReporterFilter
from sessions_core.models.refusal_counts import RefusalKind, refusals
from sessions_core.rates import network_of
from user_sessions.conf import settings
from user_sessions.models import NotLive, UserInactive, UserSession
from user_sessions.passwords import (
    LONGEST_PASSWORD,
    LockedOut,
    attempt_limits,
    authenticate_password,
    can_have_password,
)
from user_sessions.requirements import requirement_of

__all__ = ["ReauthenticateView"]

TOO_MANY = _("Too many attempts. Try again later.")


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=pgettext_lazy("form", "Password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


@method_decorator([never_cache, csrf_protect], name="dispatch")
class ReauthenticateView(RedirectURLMixin, FormView):  # type: ignore[type-arg]  # not generic at run time
    """Ask for the password and return to ``next``. The password is checked, limited and counted as at a sign-in.

    Every user can sign out and sign in again instead. It is the only way for one who has no password, or whose sign-in
    needs more than a password. The page exists if ``UserSessionMiddleware`` is installed.
    """

    template_name = "user_sessions/reauthenticate.html"
    form_class = PasswordForm

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.exception_reporter_filter = RedactingReporterFilter()  # Django reads this attribute
        if not hasattr(request, "user_session"):
            raise Http404
        if not request.user.is_authenticated:
            return redirect_to_login(self.get_success_url())
        self.session: UserSession | None = request.user_session or None
        self.is_by_password = self._is_by_password()
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.is_by_password and "sign_out" not in request.POST:
            return super().post(request, *args, **kwargs)
        logout(request)
        return redirect_to_login(self.get_success_url())

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        if seconds := self._seconds_to_wait():
            refusals.count(RefusalKind.RATE_LIMIT)
            return self._refused(form, TOO_MANY, status=429, headers={"Retry-After": str(seconds)})
        try:
            is_correct = self._is_correct(form.cleaned_data["password"])
        except LockedOut:
            return self._refused(form, TOO_MANY, status=429)
        if not is_correct:
            return self._refused(form, _("The password is incorrect."))
        return self._completed()

    def get_default_redirect_url(self) -> str:
        return resolve_url(self.next_page or django_settings.LOGIN_REDIRECT_URL)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"is_by_password": self.is_by_password, self.redirect_field_name: self.get_redirect_url()}
        return super().get_context_data(**more, **kwargs)

    def _is_by_password(self) -> bool:
        """Return True if the password is all that a sign-in of this user needs."""
        user, session = self.request.user, self.session
        if session is None or session.user_id != user.pk or session.impersonator is not None:
            return False
        requirement = requirement_of(user, "", self.request)
        return can_have_password(user) and requirement.refusal is None and not requirement.second_factors

    def _seconds_to_wait(self) -> int:
        """Count the attempt with those at the sign-ins. Return the seconds to wait if there were too many."""
        limits = attempt_limits(self.request.user.pk, network_of(client_address(self.request)))
        return max([settings.seconds_to_wait(kind, *keys) for kind, keys in limits])

    def _is_correct(self, password: str) -> bool:
        user = self.request.user
        try:
            found = authenticate_password(user, "", password, self.request)
        except UserInactive:
            return False
        return found is not None and found.pk == user.pk

    def _refused(self, form: PasswordForm, message: Any, **response: Any) -> HttpResponse:
        form.add_error("password", message)
        return self.render_to_response(self.get_context_data(form=form), **response)

    def _completed(self) -> HttpResponse:
        """Record it, give the Django session a new key, and return to the page."""
        assert self.session is not None
        try:
            self.session.record_reauthentication(actor=self.session.actor)
        except NotLive:
            return redirect_to_login(self.get_success_url())
        self.request.session.cycle_key()
        return super().form_valid(self.get_form())
