"""Revoke all user sessions that the filter of the list matches: the link, the preview and the start."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessions_core.console.actions import ConfirmedActions, ReasonForm
from sessions_core.console.admin_log import log_event
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.recent_authentication import require_recent_authentication
from sessions_core.db.transactions import atomic, without_request_transaction
from user_sessions.console.bulk_batches import Chosen, work
from user_sessions.console.bulk_previews import (
    FROZEN,
    chosen_by,
    drafted,
    filter_in_words,
    preview,
    signed,
    unsigned,
)
from user_sessions.console.own_sessions import without_own
from user_sessions.models.bulk_revocations import BulkRevocation

__all__ = ["BULK_REVOKE", "BulkRevoking"]

# The first part of the permission's codename.
BULK_REVOKE = "bulk_revoke"

# Sessions that an operator may revoke at once without a recent authentication.
MOST_UNASKED = 100


class BulkForm(ReasonForm):
    """The reason, the preview that the operator saw, and a second confirmation for all sessions."""

    preview = forms.CharField(widget=forms.HiddenInput)
    everything = forms.BooleanField(label=_("End all of these sessions. I checked that no filter is missing."))

    def __init__(self, *args: Any, asks_twice: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_twice:
            del self.fields["everything"]


class BulkRevoking(ConfirmedActions):
    """The list of user sessions has a link to revoke all that match."""

    change_list_template = "user_sessions/console/session_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = without_request_transaction(self.admin_site.admin_view(self.bulk_view))
        named = f"{self.opts.app_label}_{self.opts.model_name}_bulk_revoke"
        return [path("bulk_revoke/", view, name=named), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.POST.get("select_across") == "1":  # an action on all pages of the list is a bulk action as well
            require_permission(request, permission_for(BULK_REVOKE, self.model))
            require_recent_authentication(request)
        query = request.GET.urlencode()
        url = f"{self.url_of('bulk_revoke')}?{query}" if self.may(request, BULK_REVOKE) else ""
        return super().changelist_view(request, {"bulk_url": url, **(extra_context or {})})

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """Show what will be revoked, or begin with what the operator saw, whatever the address is now."""
        require_permission(request, permission_for(BULK_REVOKE, self.model))
        if request.method != "POST":
            return self._preview(request)
        seen = unsigned(request.POST.get("preview", ""), by=operator(request))
        if seen is None:
            self.message_user(request, gettext("This preview is too old. Check the new one."), messages.ERROR)
            return self._preview(request)
        row, is_everything = seen
        if row.expected is None or row.expected > MOST_UNASKED:
            require_recent_authentication(request)
        form = BulkForm(request.POST, asks_twice=is_everything)
        if not form.is_valid():
            return self._ask_bulk(request, row, form)
        self._start(request, row, form.cleaned_data["reason"])
        return self.go_on(request, BulkRevocation.objects.get(pk=row.pk))

    def go_on(self, request: HttpRequest, row: BulkRevocation) -> HttpResponse:
        """Work for about a second, and return to the page of the bulk revocation."""
        try:
            chosen = chosen_by(self, request, row)
        except IncorrectLookupParameters:  # its values were erased, for example
            row.stop(actor=operator(request))
            self.message_user(request, gettext("The filter is not valid any more."), messages.ERROR)
        else:
            work(row, Chosen(without_own(request, chosen.sessions), chosen.scope), actor=operator(request))
        return HttpResponseRedirect(self._page().page_of(row))

    def _start(self, request: HttpRequest, row: BulkRevocation, reason: str) -> None:
        """Begin, unless the form was sent before. Django's log gets one entry, not one for each session."""
        values = {name: getattr(row, name) for name in FROZEN if name != "id"}
        with atomic():
            event = BulkRevocation.start(
                row.pk, actor=operator(request), reason=reason, workspace_id=row.workspace_id, **values
            )
            if event is not None:
                log_event(request, self._page(), event)

    def _page(self) -> Any:
        return self.admin_site._registry[BulkRevocation]

    def _preview(self, request: HttpRequest) -> HttpResponse:
        try:
            if ERROR_FLAG in request.GET:  # the list is not filtered then
                raise IncorrectLookupParameters
            row = drafted(self, request, at=timezone.now())
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{self.url_of('changelist')}?{ERROR_FLAG}=1")
        return self._ask_bulk(request, row, None)

    def _ask_bulk(self, request: HttpRequest, row: BulkRevocation, form: BulkForm | None) -> HttpResponse:
        """Render the preview. ``form`` has the errors of a first attempt."""
        seen = preview(self, request, row)
        if row.expected is None or row.expected > MOST_UNASKED:
            require_recent_authentication(request)
        if form is None:
            text = signed(row, by=operator(request), is_everything=seen.is_everything)
            form = BulkForm(initial={"preview": text}, asks_twice=seen.is_everything)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Revoke all that match the filter"),
            "opts": self.opts,
            "media": self.media,
            "filters": filter_in_words(self, request, row.filters),
            "preview": seen,
            "form": form,
            "back": f"{self.url_of('changelist')}?{urlencode(row.filters, doseq=True)}",
        }
        return TemplateResponse(request, "user_sessions/console/bulk_preview.html", context)
