"""The rows, callers and operations of Gatepass: ``python -m benchmarks.scene SESSIONS POOL`` prints them as JSON.

It runs with the code that is measured, which ``--compare`` may take from an older commit.
"""

import json
import sys
from typing import Any
from uuid import UUID

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client as Browser  # noqa: E402
from django.urls import Resolver404, resolve  # noqa: E402

from benchmarks import rows  # noqa: E402
from benchmarks.load import NAMED, WORKSPACE, Operation, Request  # noqa: E402
from benchmarks.refused import refused_operations  # noqa: E402
from client_sessions.models import ClientSession  # noqa: E402
from sessions_core.models import ApiKey, Workspace  # noqa: E402
from user_sessions.models import Client, Definition, JwtTemplate, SigningKey, UserSessionPolicy  # noqa: E402
from user_sessions.tokens.client_tokens import client_token  # noqa: E402
from user_sessions.users import user_id  # noqa: E402

HASURA = {"https://hasura.io/jwt/claims": {"x-hasura-user-id": "{{user.id}}", "x-hasura-default-role": "user"}}
CALLERS = 100
BUSY = 200  # sessions of one user
AGAIN = 20  # session tokens that are used again and again


class Scene:
    """A workspace, its API key, and the rows that the requests are about."""

    def __init__(self, sessions: int, pool: int) -> None:
        call_command("migrate", verbosity=0)
        self.workspace = Workspace.objects.create(id=UUID(WORKSPACE), name="Benchmark", is_sandbox=True)
        UserSessionPolicy.objects.create(workspace=self.workspace, frontend_api=f"http://{NAMED}")
        SigningKey.objects.current(self.workspace)
        JwtTemplate.objects.define(self.workspace, Definition(name="hasura", claims=HASURA), actor=rows.BY)
        self.by_key = bearer(ApiKey.objects.issue(self.workspace, name="benchmark", actor=rows.BY)[1])
        other = Workspace.objects.create(name="Another tenant", is_sandbox=True)
        for workspace in (self.workspace, other):
            rows.fill(workspace, max(sessions // 2, 1))
        self.accounts = rows.accounts(self.workspace, CALLERS)
        self.live = rows.client_sessions(self.workspace, self.accounts, CALLERS, prefix="live")
        self.tokens = [bearer(each.token) for each in ClientSession.objects.filter(pk__in=self.live)]
        self.users = rows.users("live", CALLERS)
        self.sessions = rows.user_sessions(self.workspace, self.users, CALLERS * rows.SESSIONS)
        self.busy = rows.users("busy", 1)
        rows.user_sessions(self.workspace, self.busy, BUSY)
        self.one, self.ten = (of_app(rows.client_of(self.workspace, accounts)) for accounts in (1, 10))
        # Each of these is revoked once.
        self.spare_sessions = rows.user_sessions(self.workspace, rows.users("spare", pool), pool)
        self.spare_client_sessions = rows.client_sessions(self.workspace, self.accounts, pool, prefix="spare")
        self.session_tokens = [bearer(token) for token in self._minted()] if has_view_of_host() else []
        if connection.vendor == "postgresql":  # which does it by itself after a while
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")

    def _minted(self) -> list[str]:
        caller = Browser(headers={"host": NAMED, "authorization": self.by_key["Authorization"]})
        return [
            caller.post(f"/v1/sessions/{id}/tokens", content_type="application/json").json()["jwt"]
            for id in self.spare_sessions
        ]

    def operations(self) -> list[Operation]:
        return [
            *self._of_client_sessions(),
            *self._of_hosts(),
            *self._of_backends(),
            *self._of_apps(),
            *self._of_key_sets(),
            *refused_operations(self),
        ]

    def _of_client_sessions(self) -> list[Operation]:
        account = str(self.accounts[0])
        keys = [f"live {n}" for n in range(CALLERS - 1)]
        return [
            Operation(name="session token check", requests=[get("/workspaces/get", each) for each in self.tokens]),
            Operation(name="list of ten devices", requests=[get("/devices/list", each) for each in self.tokens]),
            Operation(
                name="get client session",
                requests=[get(f"/client_sessions/get?client_session_id={id}", self.by_key) for id in self.live],
            ),
            Operation(
                name="create client session",
                requests=[self.post("/client_sessions/create", {"connected_account_ids": [account]})],
            ),
            Operation(
                name="get or create client session",
                requests=[self.post("/client_sessions/get_or_create", {"user_identifier_key": key}) for key in keys],
            ),
            Operation(
                name="revoke client session",
                is_once=True,
                requests=[
                    self.post("/client_sessions/revoke", {"client_session_id": str(id)})
                    for id in self.spare_client_sessions
                ],
            ),
        ]

    def _of_hosts(self) -> list[Operation]:
        if not self.session_tokens:
            return []
        requests = [get("/mine", each) for each in self.session_tokens]
        again, first = requests[:AGAIN], requests[AGAIN:]
        return [
            Operation(name="host's view, first use of a token", is_once=True, requests=first),
            Operation(name="host's view, same token again", requests=again),
        ]

    def _of_backends(self) -> list[Operation]:
        paths = [f"/v1/sessions/{id}" for id in self.sessions]
        new = [user_id(user) for user in rows.users("new", 10 * CALLERS)]
        lists = [f"/v1/sessions?user_id={user_id(user)}" for user in self.users]
        busy = f"/v1/sessions?limit=100&user_id={user_id(self.busy[0])}"
        return [
            Operation(name="mint", requests=[self.post(f"{path}/tokens") for path in paths]),
            Operation(name="mint from a template", requests=[self.post(f"{path}/tokens/hasura") for path in paths]),
            Operation(name="get session", requests=[get(path, self.by_key) for path in paths]),
            Operation(name="list of ten", requests=[get(path, self.by_key) for path in lists]),
            Operation(name="list of a hundred", requests=[get(busy, self.by_key)]),
            Operation(name="create session", requests=[self.post("/v1/sessions", {"user_id": id}) for id in new]),
            Operation(
                name="revoke session",
                is_once=True,
                requests=[self.post(f"/v1/sessions/{id}/revoke") for id in self.spare_sessions],
            ),
        ]

    def _of_apps(self) -> list[Operation]:
        (one, of_one), (ten, of_ten) = self.one, self.ten
        return [
            Operation(name="app's mint", requests=[Request("POST", f"{of_one}/tokens", one)]),
            Operation(name="app's touch, one account", requests=[Request("POST", f"{of_one}/touch", one)]),
            Operation(name="app's touch, ten accounts", requests=[Request("POST", f"{of_ten}/touch", ten)]),
            Operation(name="client of ten accounts", requests=[get("/v1/client", ten)]),
        ]

    def _of_key_sets(self) -> list[Operation]:
        public = "/.well-known/jwks.json"
        tag = Browser(headers={"host": NAMED}).get(public).headers.get("ETag", "")
        return [
            Operation(name="key set, public", requests=[get(public, {})]),
            Operation(name="key set, not modified", requests=[get(public, {"If-None-Match": tag})], status=304),
            Operation(name="key set, with an API key", requests=[get("/v1/jwks", self.by_key)]),
        ]

    def post(self, path: str, body: Any = None) -> Request:
        return Request("POST", path, self.by_key, body)


def has_view_of_host() -> bool:
    """Return True if the project has a view behind a session token: the reference server has none."""
    try:
        return bool(resolve("/mine"))
    except Resolver404:
        return False


def of_app(client: Client) -> tuple[dict[str, str], str]:
    """Return the credential of a client, and the path of its session."""
    client.refresh_from_db()
    return {"Authorization": client_token(client)}, f"/v1/client/sessions/{client.last_active_session_id}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def get(path: str, headers: dict[str, str]) -> Request:
    return Request("GET", path, headers)


def main(sessions: int, pool: int) -> None:
    print(json.dumps([vars(operation) for operation in Scene(sessions, pool).operations()]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
