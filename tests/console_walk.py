"""Every address of the console's pages, found in the registry of the admin, with one row of everything."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from client_sessions import resources
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from client_sessions.models import ClientSession, PersonalAccessToken
from sessions_core.console.exports import FORMATS
from sessions_core.models import ApiKey, WebhookEndpoint, WebhookMessage, Workspace
from user_sessions.models import Client, Definition, Epoch, JwtTemplate, SigningKey, Ticket, UserSession
from user_sessions.models.bulk_revocations import BulkRevocation
from user_sessions.models.signing_keys import private_key
from user_sessions.tokens.client_tokens import client_token
from user_sessions.tokens.device_tokens import device_token, not_me_token
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token
from user_sessions.tokens.ticket_tokens import ticket_token
from user_sessions.user_agents import device_of

APPS = ("sessions_core", "client_sessions", "client_sessions_devices", "user_sessions")
BY = "test"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148"
OF_TEMPLATE = "the-own-key-of-a-template-" * 2


@dataclass(frozen=True)
class Address:
    """An address of a page. ``name`` is that of its view, such as ``user_sessions_usersession_act``."""

    name: str
    path: str

    @property
    def view(self) -> str:
        return self.name.rpartition("_")[2]


def console_pages() -> list[Any]:
    return [page for model, page in admin.site._registry.items() if model._meta.app_label in APPS]


def addresses(page: Any, workspace: Workspace) -> Iterator[Address]:
    """Yield every address of a page, with its newest row, and with each value of a part such as an action's name."""
    for pattern in page.urls:
        if not pattern.name:
            continue  # Django's redirect from an old form of address
        parts = pattern.pattern.converters
        for values in itertools.product(*(_values(part, page, workspace) for part in parts)):
            yield Address(pattern.name, reverse(f"admin:{pattern.name}", kwargs=dict(zip(parts, values, strict=True))))


def _values(part: str, page: Any, workspace: Workspace) -> list[Any]:
    """Return the values of a part of an address. Add the part of a new page here."""
    if part in ("object_id", "key_id"):
        row = page.model._default_manager.order_by("pk").last()
        assert row is not None, f"Add a row of {page.opts.label} to everything()."
        return [quote(row.pk) if part == "object_id" else row.pk]
    if part == "user_key":
        return [get_user_model().objects.get(username="maria").pk]
    actions = getattr(page, "confirmed_actions", dict)()
    return {
        "name": [name for name, action in actions.items() if action.button],
        "type_name": [each.name for each in resources.registered()],
        "workspace_id": [workspace.pk],
        "format": [*FORMATS],
        "number": [1],
    }[part]


def everything(workspace: Workspace) -> dict[str, str]:
    """Make one row of everything. Return each credential of theirs, by what it is."""
    now = timezone.now()
    maria = get_user_model().objects.create_user("maria", email="maria@shop.example", password="a long password")
    Epoch.objects.begin(workspace, actor=BY, reason="a leak")
    endpoint, webhook_secret = WebhookEndpoint.objects.add(workspace, "https://hooks.shop.example/", actor=BY)
    WebhookMessage.objects.send_test(endpoint, actor=BY)
    session = UserSession.objects.start(workspace, maria, actor=BY, device=device_of(IPHONE, "192.0.2.7"))
    frozen = {"as_of": now, "newest_at": now, "newest_id": session.pk, "oldest_at": now}
    BulkRevocation.start("bulk_1", actor=BY, workspace=workspace, reason="a leak", expected=1, **frozen)
    ticket = Ticket.objects.issue(workspace, maria, actor=BY, lifetime=timedelta(hours=1))
    definition = Definition(
        name="billing", claims={"a": 1}, signing_algorithm="HS256", signing_key=OF_TEMPLATE.encode()
    )
    JwtTemplate.objects.define(workspace, definition, actor=BY)
    key, _ = private_key(SigningKey.objects.current(workspace).kid)
    client = Client.objects.select_related("workspace").get(pk=session.client_id)
    client_session = ClientSession.objects.start(
        workspace, actor=BY, user_identifier_key="maria", wanted=_resources(workspace)
    )
    return {
        "client session token": client_session.token,
        "API key": ApiKey.objects.issue(workspace, name="Shop", actor=BY)[1],
        "access token": PersonalAccessToken.objects.issue(maria, [workspace], name="a laptop", actor=BY)[1],
        "ticket": ticket_token(ticket, at=now),
        "client token": client_token(client),
        "session token": session_token(session, at=now),
        "refresh token": refresh_token(session),
        "device token": device_token(client),
        "not-me token": not_me_token(session),
        "webhook secret": webhook_secret,
        "key of a template": OF_TEMPLATE,
        "private key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().split("\n")[5],
        "prime of a private key": str(key.private_numbers().p),
        "password": maria.password,
    }


def _resources(workspace: Workspace) -> dict[str, list[str]]:
    """Make devices, and return what a session may be granted to reach them."""
    customer = Customer.objects.create(workspace=workspace, key="maria", name="Maria Wolf")
    account = ConnectedAccount.objects.create(workspace=workspace, display_name="Home of Maria", customer=customer)
    device = Device.objects.create(workspace=workspace, connected_account=account, name="Front door")
    UserIdentity.objects.create(workspace=workspace, full_name="Maria Wolf").devices.add(device)
    ConnectWebview.objects.create(workspace=workspace, connected_account=account)
    return {"connected_account": [str(account.pk)]}
