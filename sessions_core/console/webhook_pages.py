"""Webhook endpoints in the console. A secret is shown once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from sessions_core.changelists import BY_WORKSPACE, UUID_PATTERN
from sessions_core.console.actions import Reason, confirmed
from sessions_core.console.admin_log import logged
from sessions_core.console.console_permissions import operator, permission_for, require_permission
from sessions_core.console.console_words import BAD, GOOD, badge, exact
from sessions_core.console.pages import HistoryAdmin
from sessions_core.console.recent_authentication import require_recent_authentication
from sessions_core.console.webhook_forms import EndpointForm, RecoverForm
from sessions_core.models import WebhookEndpoint, WebhookMessage
from sessions_core.webhooks.models import OVERLAP

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["WebhookEndpointAdmin"]

# Newest messages that the page of an endpoint shows. It links to the list of all.
MOST_DELIVERIES = 20

# What ``recover`` offers at first.
A_DAY = timedelta(days=1)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(HistoryAdmin):
    change_form_template = "sessions_core/console/webhook_endpoint.html"
    list_display = ("url", "state", "workspace", "description", "created_at", "disabled_at", "disabled_reason")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter), BY_WORKSPACE)
    ordering = ("-workspace_id", "-created_at", "-id")
    list_select_related = ("workspace",)
    searched = ((UUID_PATTERN, "id"),)
    names = ("url", "description")
    search_help_text = _("An ID, or part of a URL or description. Texts search only the newest 1,000 rows.")
    fields = (
        "id",
        "url",
        "state",
        "workspace",
        "description",
        "created_at",
        "previous_secret_until",
        "disabled_at",
        "disabled_reason",
        "history",
    )
    readonly_fields = ("state", "history")
    actions = ("disable", "enable", "send_test")

    @admin.display(description=pgettext_lazy("webhook endpoint", "state"))
    def state(self, endpoint: WebhookEndpoint) -> SafeString:
        if endpoint.disabled_at:
            return badge(pgettext("webhook endpoint", "disabled"), BAD, title=exact(endpoint.disabled_at))
        return badge(pgettext("webhook endpoint", "enabled"), GOOD)

    @confirmed(
        _("Disable selected webhook endpoints"),
        done=pgettext_lazy("webhook endpoints", "disabled"),
        reason=Reason.OPTIONAL,
        button=pgettext_lazy("webhook endpoint", "Disable"),
    )
    def disable(self, request: HttpRequest, endpoint: WebhookEndpoint, *, reason: str) -> bool:
        return endpoint.disable(actor=operator(request), reason=reason or "disabled in the console")

    @confirmed(
        _("Enable selected webhook endpoints"),
        done=pgettext_lazy("webhook endpoints", "enabled"),
        button=pgettext_lazy("webhook endpoint", "Enable"),
    )
    def enable(self, request: HttpRequest, endpoint: WebhookEndpoint) -> bool:
        return endpoint.enable(actor=operator(request))

    @confirmed(
        _("Send a test message to selected webhook endpoints"),
        done=_("will get a test message"),
        button=_("Send a test message"),
    )
    def send_test(self, request: HttpRequest, endpoint: WebhookEndpoint) -> bool:
        return WebhookMessage.objects.send_test(endpoint, actor=operator(request)) is not None

    def consequences(self, request: HttpRequest, action: str, queryset: QuerySet[Any]) -> "Sequence[_StrOrPromise]":
        return {
            "disable": [
                _("Nothing is sent until someone enables the endpoint again. Messages that wait are kept."),
                _("Events that happen meanwhile are never sent."),
            ],
            "enable": [_("Messages that waited are sent now.")],
            "send_test": [
                _("The worker sends a signed message of the type webhook.test. Disabled endpoints get none."),
            ],
        }.get(action, [])

    def buttons(self, request: HttpRequest, obj: WebhookEndpoint) -> "list[tuple[str, _StrOrPromise]]":
        """Return the buttons that make sense now."""
        hidden = ("disable", "send_test") if obj.disabled_at else ("enable",)
        unwanted = {self.action_url(obj, name) for name in hidden}
        offered = [button for button in super().buttons(request, obj) if button[0] not in unwanted]
        if not self.may(request, "change"):
            return offered
        own = (
            ("edit", gettext("Change URL or description")),
            ("rotate", gettext("Replace the secret")),
            ("recover", gettext("Send failed messages again")),
        )
        return [*((self.url_of(page, quote(obj.pk)), text) for page, text in own), *offered]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_urls(self) -> list[URLPattern]:
        views = {"edit": self.edit_view, "rotate": self.rotate_view, "recover": self.recover_view}
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(f"<path:object_id>/{page}/", self.admin_site.admin_view(view), name=f"{name}_{page}")
            for page, view in views.items()
        ]
        return [*own, *super().get_urls()]

    @sensitive_variables()
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Add an endpoint and show its secret, once."""
        require_permission(request, permission_for("add", self.model))
        require_recent_authentication(request)
        form = EndpointForm(request.POST if request.method == "POST" else None)
        if request.method != "POST" or not form.is_valid():
            return self._form(request, form, gettext("New webhook endpoint"))
        given = form.cleaned_data
        with logged(request, self):
            endpoint, secret = WebhookEndpoint.objects.add(
                given["workspace"], given["url"], description=given["description"], actor=operator(request)
            )
        return self._secret(request, endpoint, secret, gettext("The webhook endpoint was added."))

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._endpoint(request, object_id)
        require_recent_authentication(request)
        form = EndpointForm(request.POST if request.method == "POST" else None, endpoint=endpoint)
        if request.method != "POST" or not form.is_valid():
            return self._form(request, form, gettext("Change the webhook endpoint"), endpoint)
        with logged(request, self):
            endpoint.change(**form.cleaned_data, actor=operator(request))
        return self._back(request, endpoint, gettext("The webhook endpoint was changed."))

    @sensitive_variables()
    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Replace the secret and show the new one, once."""
        endpoint = self._endpoint(request, object_id)
        require_recent_authentication(request)
        if request.method != "POST":
            return self._form(request, None, gettext("Replace the secret"), endpoint, *self._of_rotation(endpoint))
        with logged(request, self):
            secret = endpoint.rotate(actor=operator(request))
        return self._secret(request, endpoint, secret, gettext("The secret was replaced."))

    def _of_rotation(self, endpoint: WebhookEndpoint) -> list[str]:
        """Return what a rotation does."""
        now = timezone.now()
        sentences = [
            gettext("Messages are signed with the new secret at once, and with the present one too until %(time)s.")
            % {"time": exact(now + OVERLAP)},
            gettext("The new secret is shown once. Give it to the receiver before that time."),
        ]
        if endpoint.previous_secret_until and endpoint.previous_secret_until > now:
            dropped = gettext("A secret from an earlier replacement still signs until %(time)s. It stops at once.")
            sentences.append(dropped % {"time": exact(endpoint.previous_secret_until)})
        return sentences

    def recover_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the messages again that failed since a time."""
        endpoint = self._endpoint(request, object_id)
        is_post = request.method == "POST"
        form = RecoverForm(request.POST if is_post else None, initial={"since": timezone.now() - A_DAY})
        if not is_post or not form.is_valid():
            sentences = [
                gettext("Messages that are dead since that time are sent again, with the same id and all retries."),
                gettext("Messages that wait for a retry are sent now."),
            ]
            return self._form(request, form, gettext("Send failed messages again"), endpoint, *sentences)
        since = form.cleaned_data["since"]
        with logged(request, self):
            number = WebhookMessage.objects.recover(endpoint, since=since, actor=operator(request))
        return self._back(request, endpoint, gettext("Messages that are sent again: %(number)d.") % {"number": number})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Add the newest deliveries, if the operator may see messages."""
        endpoint: Any = kwargs.get("obj")
        messages_page: Any = self.admin_site._registry.get(WebhookMessage)
        if endpoint is not None and messages_page and messages_page.has_view_permission(request):
            newest = WebhookMessage.objects.filter(endpoint=endpoint).order_by("-event_id", "-id")[:MOST_DELIVERIES]
            context = {
                **context,
                "deliveries": [
                    (message, messages_page.state(message), messages_page.url_of("change", quote(message.pk)))
                    for message in newest
                ],
                "all_deliveries": f"{messages_page.url_of('changelist')}?endpoint__id__exact={endpoint.pk}",
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def _endpoint(self, request: HttpRequest, object_id: str) -> WebhookEndpoint:
        """Return the endpoint that the operator may change."""
        require_permission(request, permission_for("change", self.model))
        endpoint: WebhookEndpoint | None = self.get_object(request, unquote(object_id))
        if endpoint is None:
            raise Http404
        return endpoint

    def _form(
        self,
        request: HttpRequest,
        form: Any,
        title: str,
        endpoint: WebhookEndpoint | None = None,
        *sentences: str,
    ) -> HttpResponse:
        back = self.url_of("change", quote(endpoint.pk)) if endpoint else self.url_of("changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "form": form,
            "endpoint": endpoint,
            "sentences": sentences,
            "back": back,
        }
        return TemplateResponse(request, "sessions_core/console/webhook_form.html", context)

    @sensitive_variables()
    def _secret(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str, done: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": done,
            "opts": self.opts,
            "endpoint": endpoint,
            "secret": secret,
            "back": self.url_of("change", quote(endpoint.pk)),
        }
        return TemplateResponse(request, "sessions_core/console/webhook_secret.html", context).render()

    def _back(self, request: HttpRequest, endpoint: WebhookEndpoint, done: str) -> HttpResponse:
        self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(self.url_of("change", quote(endpoint.pk)))
