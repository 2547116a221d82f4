"""The sandbox of ``dev.py run``: a workspace with keys, an operator and demo data.

It is created once in a database. Later runs use what is left of it and do not recreate deleted rows.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils.crypto import get_random_string

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from sessions_core.db.transactions import atomic
from sessions_core.models import ApiKey, Workspace
from sessions_project.models import Deployment
from user_sessions.models import SigningKey, UserSessionPolicy
from user_sessions.users import user_id

__all__ = ["DemoUser", "IsLive", "Operator", "Sandbox", "make_sandbox", "refuse_live"]

ACTOR = "system:sandbox"
OPERATOR = "operator"
CUSTOMER = "acme"

PEOPLE = [
    {"username": "jane_doe", "first_name": "Jane", "last_name": "Doe", "email": "jane.doe@example.com"},
    {"username": "john_roe", "first_name": "John", "last_name": "Roe", "email": "john.roe@example.com"},
]
# The devices in the account of each user.
DOORS = {"jane_doe": ["Front door", "Back door"], "john_roe": ["Garage door"]}


class IsLive(Exception):
    """The database belongs to a live server, so it cannot become a sandbox."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A superuser. The password is None unless this run created the account."""

    username: str
    password: str | None


@dataclass(frozen=True, kw_only=True)
class DemoUser:
    """A demo user. The password is None unless this run created the account."""

    id: str
    username: str
    first_name: str
    last_name: str
    email: str
    password: str | None


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """The contents of a sandbox. ``api_key`` is None unless this run created it."""

    workspace_id: UUID
    api_key: str | None
    publishable_key: str
    frontend_api: str
    operator: Operator | None
    users: list[DemoUser]
    connected_account_ids: list[UUID]
    device_ids: list[UUID]


@atomic()
def make_sandbox(*, new_key: bool = False, here: bool = False) -> Sandbox:
    """Create the sandbox in a new database, or return what is left of it. Raise IsLive.

    ``new_key`` issues another API key. ``here`` means that the caller starts the server, so the address of a sandbox
    that was last served on another port changes to this port.
    """
    _wait_for_other_runs()
    _, is_new = Deployment.objects.get_or_create(pk=Deployment.ONLY, defaults={"kind": Deployment.Kind.SANDBOX})
    refuse_live()
    workspace = _workspace(here=here)
    if is_new:
        ApiKey.objects.issue_publishable(workspace, name="Sandbox", actor=ACTOR)
        _make_demo(workspace)
    accounts = ConnectedAccount.objects.filter(customer__workspace=workspace, customer__key=CUSTOMER)
    return Sandbox(
        workspace_id=workspace.pk,
        api_key=ApiKey.objects.issue(workspace, name="Sandbox", actor=ACTOR)[1] if is_new or new_key else None,
        publishable_key=_publishable_key(workspace),
        frontend_api=UserSessionPolicy.of(workspace).frontend_api or "",
        operator=_operator(is_new=is_new),
        users=[user for person in PEOPLE if (user := _demo_user(person, is_new=is_new))],
        connected_account_ids=[account.pk for account in accounts],
        device_ids=[device.pk for device in Device.objects.filter(connected_account__in=accounts)],
    )


def refuse_live() -> None:
    """Raise IsLive if the database belongs to a live server. Works before ``migrate``."""
    tables = connection.introspection.table_names()
    live = [
        rows
        for rows in (Deployment.objects.filter(kind=Deployment.Kind.LIVE), Workspace.objects.filter(is_sandbox=False))
        if rows.model._meta.db_table in tables
    ]
    if any(rows.exists() for rows in live):
        raise IsLive


def _wait_for_other_runs() -> None:
    """Wait for concurrent runs. On SQLite the transaction is already exclusive."""
    ContentType.objects.select_for_update().get(app_label="sessions_core", model="workspace")


def _workspace(*, here: bool) -> Workspace:
    """Return the oldest sandbox, with the address of this server, and create it if there is none."""
    workspace = Workspace.objects.filter(is_sandbox=True).order_by("created_at", "id").first()
    if workspace is None:
        workspace = Workspace.objects.create(name="Sandbox", is_sandbox=True)
        SigningKey.objects.current(workspace, actor=ACTOR)
    policy = UserSessionPolicy.of(workspace)
    landing, before = _landing_of(policy), (policy.frontend_api, policy.sign_in_url)
    is_free = not UserSessionPolicy.objects.filter(frontend_api=settings.GATEPASS_URL).exists()
    if is_free and _may_change_address(policy, here=here):
        policy.frontend_api = settings.GATEPASS_URL
    if policy.sign_in_url in ("", landing):
        policy.sign_in_url = _landing_of(policy)
    if (policy.frontend_api, policy.sign_in_url) != before:
        policy.save()
    return workspace


def _landing_of(policy: UserSessionPolicy) -> str:
    """Return the default sign-in page."""
    return f"{policy.frontend_api}/" if policy.frontend_api else ""


def _may_change_address(policy: UserSessionPolicy, *, here: bool) -> bool:
    """Return True if the address is empty, or the local address of an earlier run."""
    return not policy.frontend_api or (here and urlsplit(policy.frontend_api).hostname == "127.0.0.1")


def _publishable_key(workspace: Workspace) -> str:
    key = ApiKey.objects.usable().publishable().filter(workspace=workspace).order_by("created_at", "id").first()
    return key.publishable_key if key else ""


def _operator(*, is_new: bool) -> Operator | None:
    if superuser := User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first():
        return Operator(username=superuser.get_username(), password=None)
    if not is_new:
        return None
    password = get_random_string(20)
    User.objects.create_superuser(OPERATOR, password=password)
    return Operator(username=OPERATOR, password=password)


def _demo_user(person: dict[str, str], *, is_new: bool) -> DemoUser | None:
    user = User.objects.filter(username=person["username"]).first()
    password = None
    if user is None:
        if not is_new:
            return None
        password = get_random_string(20)
        user = User.objects.create_user(**person, password=password)
    return DemoUser(
        id=user_id(user.pk),
        username=user.username,
        first_name=user.first_name,
        last_name=user.last_name,
        email=user.email,
        password=password,
    )


def _make_demo(workspace: Workspace) -> None:
    customer = Customer.objects.create(workspace=workspace, key=CUSTOMER, name="Acme")
    accounts = [_demo_account(customer, person) for person in PEOPLE]
    _demo_identity(accounts[0])


def _demo_account(customer: Customer, person: dict[str, str]) -> ConnectedAccount:
    account = ConnectedAccount.objects.create(
        workspace=customer.workspace,
        customer=customer,
        display_name=f"{person['first_name']}'s home",
        email=person["email"],
    )
    for door in DOORS[person["username"]]:
        account.devices.create(workspace=customer.workspace, name=door, is_locked=True, capabilities=["lock"])
    return account


def _demo_identity(account: ConnectedAccount) -> None:
    """Create Jane's user identity with access to one device, and the webview that connected her account."""
    ConnectWebview.objects.create(workspace=account.workspace, connected_account=account)
    identity = UserIdentity.objects.create(
        workspace=account.workspace, key="jane_doe", full_name="Jane Doe", email_address=account.email
    )
    identity.devices.add(account.devices.earliest("created_at"))
