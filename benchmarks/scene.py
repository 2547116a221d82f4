"""The data for the measurements: sessions of many users, and a credential for each kind of caller."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain, repeat
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from knox.models import get_token_model
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from benchmarks.load import Operation
from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.models import ClientSession, Grant
from client_sessions.models.querysets import TOKEN
from sessions_core.crypto import tokens
from sessions_core.models import ApiKey, Workspace
from user_sessions.ids import new_id
from user_sessions.models import Client, Definition, JwtTemplate, SigningKey, Status, UserSession, UserSessionPolicy
from user_sessions.models.signing_keys import private_key
from user_sessions.models.voiding import fingerprint_of
from user_sessions.tokens.client_tokens import client_token
from user_sessions.users import user_id

BATCH = 5000
HASURA = {"https://hasura.io/jwt/claims": {"x-hasura-user-id": "{{user.id}}", "x-hasura-default-role": "user"}}
BY = "benchmark"
WORKSPACE = "Benchmark"


def build(url: str) -> list[Operation]:
    """Migrate, create the callers, and return the operations to measure."""
    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.create(name=WORKSPACE, is_sandbox=True)
    UserSessionPolicy.objects.create(workspace=workspace, frontend_api=url)
    api_key = _bearer(ApiKey.objects.issue(workspace, name="benchmark", actor=BY)[1])
    scoped = _bearer(_scoped_session(workspace).token)
    _fill_user_sessions(workspace, 10)
    user = get_user_model().objects.first()
    session = UserSession.objects.filter(user=user).first()
    SigningKey.objects.current(workspace)
    client = _client_of_ten(workspace)
    app = {"Authorization": client_token(client)}
    of_client = f"/v1/client/sessions/{client.last_active_session_id}"
    knox = [get_token_model().objects.create(user)[1] for _ in range(10)]
    forged = _bearer(f"{TOKEN.prefix}abcdefgh_{tokens.random_text(tokens.LONG_LENGTH)}")
    of_user = f"/v1/sessions?user_id={user_id(user.pk)}"
    of_busy_user = f"/v1/sessions?limit=100&user_id={user_id(_busy_user(workspace).pk)}"
    template = JwtTemplate.objects.define(workspace, Definition(name="hasura", claims=HASURA), actor=BY)
    minted = f"/v1/sessions/{session.pk}/tokens"
    refresh = {"method": "POST", "path": "/simplejwt/refresh", "body": {"refresh": str(RefreshToken.for_user(user))}}
    return [
        Operation(name="bare view", path="/bare"),
        Operation(name="forged session token", path="/workspaces/get", headers=forged, status=401),
        Operation(name="session token check", path="/workspaces/get", headers=scoped),
        Operation(name="scoped list of ten", path="/devices/list", headers=scoped),
        *_client_session_operations(workspace, api_key),
        Operation(name="mint", method="POST", path=minted, headers=api_key),
        Operation(name="mint from a template", method="POST", path=f"{minted}/{template.name}", headers=api_key),
        Operation(name="get session", path=f"/v1/sessions/{session.pk}", headers=api_key),
        Operation(name="list of ten", path=of_user, headers=api_key),
        Operation(name="list of a hundred", path=of_busy_user, headers=api_key),
        Operation(name="app's mint", method="POST", path=f"{of_client}/tokens", headers=app),
        Operation(name="app's touch", method="POST", path=f"{of_client}/touch", headers=app),
        Operation(name="client of ten", path="/v1/client", headers=app),
        Operation(name="key set", path="/v1/jwks", headers=api_key),
        Operation(name="simplejwt refresh", **refresh),
        Operation(name="knox", path="/knox", headers={"Authorization": f"Token {knox[0]}"}),
        Operation(name="simplejwt", path="/simplejwt", headers=_bearer(str(AccessToken.for_user(user)))),
    ]


def _client_session_operations(workspace: Workspace, api_key: dict[str, str]) -> list[Operation]:
    """Return the operations of a backend on client sessions."""
    session = ClientSession.objects.in_workspace(workspace).get()
    wanted = {"connected_account_ids": [str(ConnectedAccount.objects.get().pk)]}
    existing = {"user_identifier_key": "existing", **wanted}
    ClientSession.objects.start(
        workspace,
        actor=BY,
        user_identifier_key="existing",
        wanted={"connected_account": wanted["connected_account_ids"]},
    )
    path, post = "/client_sessions", {"method": "POST", "headers": api_key}
    get = f"{path}/get?client_session_id={session.pk}"
    return [
        Operation(name="get client session", path=get, headers=api_key),
        Operation(name="create client session", path=f"{path}/create", body=wanted, **post),
        Operation(name="get or create client session", path=f"{path}/get_or_create", body=existing, **post),
        Operation(
            name="revoke client session", path=f"{path}/revoke", bodies=partial(_spare_sessions, workspace), **post
        ),
    ]


def _spare_sessions(workspace: Workspace) -> Iterator[dict[str, str]]:
    """Create client sessions, and return the id of another one each time."""
    first = _bulk_client_sessions(workspace, BATCH)
    more = chain.from_iterable(_bulk_client_sessions(workspace, BATCH) for _ in repeat(None))
    return ({"client_session_id": str(session.pk)} for session in chain(first, more))


def fill(sessions: int) -> None:
    """Add rows up to this number of client sessions, each with a grant, and of user sessions, ten for each user."""
    workspace = Workspace.objects.get(name=WORKSPACE)
    _fill_client_sessions(workspace, sessions - ClientSession.objects.count())
    _fill_user_sessions(workspace, sessions - UserSession.objects.count())


def raw_signatures() -> float:
    """Return signatures per second with the key of the workspace, the upper limit of a mint."""
    key, _ = private_key(SigningKey.objects.get().kid)
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
    return ClientSession.objects.start(workspace, actor=BY, wanted={"connected_account": [str(account.pk)]})


def _fill_client_sessions(workspace: Workspace, count: int) -> None:
    for batch in _batches(count):
        _bulk_client_sessions(workspace, batch)


def _bulk_client_sessions(workspace: Workspace, number: int) -> list[ClientSession]:
    now, account = timezone.now(), ConnectedAccount.objects.get().pk.hex
    rows = ClientSession.objects.bulk_create(
        ClientSession(
            workspace=workspace,
            user_identifier_key=f"user {uuid4()}",
            token_short=TOKEN.new_short(),
            token_key=tokens.newest_key_id(),
            created_at=now,
            expires_at=now + timedelta(days=1),
        )
        for _ in range(number)
    )
    Grant.objects.bulk_create(
        Grant(client_session=row, resource_type="connected_account", resource_id=account, created_at=now)
        for row in rows
    )
    return rows


def _client_of_ten(workspace: Workspace) -> Client:
    """Return a client with ten signed-in users, one of them in use."""
    model = get_user_model()
    client = Client.objects.begin(workspace, at=timezone.now())
    for n in range(10):
        user = model.objects.create(username=f"account {n}")
        UserSession.objects.start(workspace, user, actor=BY, client=client)
    return client


def _busy_user(workspace: Workspace) -> Any:
    """Return a user with two hundred sessions."""
    user = get_user_model().objects.create(username="busy")
    _sign_in(workspace, [user], 200)
    return user


def _fill_user_sessions(workspace: Workspace, count: int) -> None:
    model = get_user_model()
    for batch in _batches(count):
        people = model.objects.bulk_create(model(username=f"user {uuid4()}") for _ in range(max(batch // 10, 1)))
        _sign_in(workspace, people, batch)


def _sign_in(workspace: Workspace, people: Sequence[Any], count: int) -> None:
    """Create this number of sessions, spread evenly over the users."""
    now = timezone.now()
    client, end = Client.objects.begin(workspace, at=now), now + timedelta(days=7)
    for batch in _batches(count):
        UserSession.objects.bulk_create(
            UserSession(
                id=new_id("sess", at=now),
                workspace=workspace,
                client=client,
                user=people[n % len(people)],
                password_fingerprint=fingerprint_of(people[n % len(people)]),
                stored_status=Status.ACTIVE,
                created_at=now,
                updated_at=now,
                last_active_at=now,
                verified_at=now,
                expire_at=end,
                latest_expire_at=end,
                abandon_at=now + timedelta(days=30),
            )
            for n in range(batch)
        )


def _batches(count: int) -> Iterator[int]:
    """Yield batch sizes that add up to ``count``."""
    for start in range(0, count, BATCH):
        yield min(BATCH, count - start)
