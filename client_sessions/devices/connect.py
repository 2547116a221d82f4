"""The page of a Connect Webview, on which a user authorizes an account.

The URL is the credential: it contains a signature. There is no device maker to sign in to, so in a sandbox the page
creates a sample account with two devices. A live workspace authorizes its webviews in its own code, with
``ConnectWebview.authorize``.
"""

from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Device
from sessions_core.db.transactions import atomic, roll_back

__all__ = ["connect", "connect_path"]

PROVIDERS = ["august", "schlage", "yale"]
DEVICES = ["Front door", "Back door"]


def connect_path(webview: ConnectWebview) -> str:
    """Return the path of the page of this webview."""
    return reverse(
        "client_sessions_devices:connect",
        kwargs={"webview_id": webview.pk, "signature": _signer().signature(str(webview.pk))},
    )


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, webview_id: UUID, signature: str) -> HttpResponse:
    webview = _webview_of(webview_id, signature)
    providers = webview.accepted_providers or PROVIDERS
    provider = request.POST.get("provider", "")
    if provider in providers and webview.workspace.is_sandbox and webview.status == "pending":
        _authorize(webview, provider)
        if webview.custom_redirect_url:
            return _to(webview.custom_redirect_url, connect_webview_id=str(webview.pk))
    page = render(request, "client_sessions_devices/connect.html", {"webview": webview, "providers": providers})
    page.headers["Referrer-Policy"] = "same-origin"  # the URL is a credential, so links must not send it
    return page


def _webview_of(webview_id: UUID, signature: str) -> ConnectWebview:
    """Return the webview. Raise Http404 for an invalid signature or an unknown webview."""
    try:
        _signer().unsign(f"{webview_id}:{signature}")
    except BadSignature:
        raise Http404 from None
    webview = ConnectWebview.objects.select_related("workspace", "customer").filter(pk=webview_id).first()
    if webview is None:
        raise Http404
    return webview


@atomic()
def _authorize(webview: ConnectWebview, provider: str) -> None:
    account = ConnectedAccount.objects.create(
        workspace=webview.workspace,
        customer=webview.customer,
        account_type=provider,
        display_name=f"{provider.title()} account",
        automatically_manages_new_devices=webview.automatically_manages_new_devices,
        custom_metadata=webview.custom_metadata,
    )
    Device.objects.bulk_create(
        Device(
            workspace=webview.workspace,
            connected_account=account,
            device_type=f"{provider}_lock",
            name=name,
            manufacturer=provider,
            is_locked=True,
            capabilities=["lock"],
        )
        for name in DEVICES
    )
    if not webview.authorize(account):
        roll_back()  # another request has authorized the webview


def _to(url: str, **parameters: str) -> HttpResponse:
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return HttpResponseRedirect(urlunsplit(parts._replace(query=query)))


def _signer() -> Signer:
    return Signer(salt="client_sessions.devices.connect")
