"""What the operations are measured on: sessions of many users, and one credential for each kind of caller."""

import time
from datetime import timedelta
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from knox.models import get_token_model
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.load import Operation
from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.models import TOKEN, ClientSession
from sessions_core import tokens
from sessions_core.models import ApiKey, Workspace
from user_sessions.ids import new_id
from user_sessions.models import Client, SigningKey, Status, UserSession, private_key
from user_sessions.users import user_id

BATCH = 1000
BY = "benchmark"


def build(sessions: int) -> list[Operation]:
    """Migrate, and make ``sessions`` client sessions and as many user sessions, ten to a user."""
    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.create(name="Benchmark", is_sandbox=True)
    _fill_client_sessions(workspace, sessions)
    _fill_user_sessions(workspace, sessions)
    api_key = _bearer(ApiKey.objects.issue(workspace, name="benchmark", by=BY)[1])
    scoped = _bearer(_scoped_session(workspace).token)
    user = get_user_model().objects.first()
    session = UserSession.objects.filter(user=user).first()
    SigningKey.objects.current(workspace)
    knox = [get_token_model().objects.create(user)[1] for _ in range(10)]
    forged = _bearer(f"{TOKEN.prefix}abcdefgh_{tokens.random_text(tokens.LONG_LENGTH)}")
    of_user = f"/v1/sessions?user_id={user_id(user.pk)}"
    return [
        Operation(name="bare view", path="/bare"),
        Operation(name="forged session token", path="/workspaces/get", headers=forged, status=401),
        Operation(name="session token check", path="/workspaces/get", headers=scoped),
        Operation(name="scoped list", path="/devices/list", headers=scoped),
        Operation(name="mint", method="POST", path=f"/v1/sessions/{session.pk}/tokens", headers=api_key),
        Operation(name="get session", path=f"/v1/sessions/{session.pk}", headers=api_key),
        Operation(name="list sessions", path=of_user, headers=api_key),
        Operation(name="knox", path="/knox", headers={"Authorization": f"Token {knox[0]}"}),
        Operation(name="simplejwt", path="/simplejwt", headers=_bearer(str(AccessToken.for_user(user)))),
    ]


def raw_signatures() -> float:
    """Signatures a second of the workspace's key, which no mint can exceed."""
    key = private_key(SigningKey.objects.get().kid)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 1:
        key.sign(b"x" * 300, PKCS1v15(), SHA256())
        count += 1
    return count / (time.perf_counter() - started)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _scoped_session(workspace: Workspace) -> ClientSession:
    account = ConnectedAccount.objects.create(workspace=workspace, display_name="account")
    Device.objects.bulk_create(
        Device(workspace=workspace, connected_account=account, name=f"device {n}") for n in range(10)
    )
    return ClientSession.objects.start(workspace, by=BY, wanted={"connected_account": [str(account.pk)]})


def _fill_client_sessions(workspace: Workspace, count: int) -> None:
    now = timezone.now()
    rows = (
        ClientSession(
            workspace=workspace,
            user_identifier_key=f"user {n}",
            token_short=TOKEN.new_short(),
            token_key=tokens.newest_key_id(),
            created_at=now,
            expires_at=now + timedelta(days=1),
        )
        for n in range(count)
    )
    while batch := list(islice(rows, BATCH)):
        ClientSession.objects.bulk_create(batch)


def _fill_user_sessions(workspace: Workspace, count: int) -> None:
    model, now = get_user_model(), timezone.now()
    model.objects.bulk_create(model(username=f"user {n}") for n in range(max(count // 10, 1)))
    users = list(model.objects.values_list("pk", flat=True))
    client = Client.objects.begin(workspace, at=now)
    rows = (
        UserSession(
            id=new_id("sess", at=now),
            workspace=workspace,
            client=client,
            user_id=users[n % len(users)],
            status=Status.ACTIVE,
            created_at=now,
            updated_at=now,
            last_active_at=now,
            expire_at=now + timedelta(days=7),
            abandon_at=now + timedelta(days=30),
        )
        for n in range(count)
    )
    while batch := list(islice(rows, BATCH)):
        UserSession.objects.bulk_create(batch)
