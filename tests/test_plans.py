"""Each hot operation finds its rows by an index, among 20,000 rows of two thousand tenants.

``plans_of/`` has the plans as text. Write them again with ``GATEPASS_PLANS=write pytest tests/test_plans.py``, once on
each database.
"""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from benchmarks.fill import fill, number_of_user, session_id
from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Event, Workspace
from tests.callers import bearer
from tests.plans import Plan, as_text, file, is_slow, plans, statements
from tests.policies import create_workspace
from tests.user_sessions.frontend import App
from user_sessions.models import Client, Definition, JwtTemplate, SigningKey, UserSession
from user_sessions.models.closing import record_expired
from user_sessions.models.nonces import SpentNonce
from user_sessions.tokens.client_tokens import client_token
from user_sessions.users import user_id

# Django makes the database of the tests only for a module that asks for it.
pytestmark = pytest.mark.django_db

ROWS = 20_000
BY = "test"

OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "check a client session token": lambda s: s.scoped.get("workspaces/get"),
    "list ten devices with a token": lambda s: s.scoped.get("devices/list"),
    "read the own client session": lambda s: s.scoped.get("client_sessions/get"),
    "get a client session": lambda s: s.backend.get("client_sessions/get", f"?client_session_id={s.client_session.pk}"),
    "list client sessions": lambda s: s.backend.get("client_sessions/list", "?limit=50"),
    "list client sessions of a key": lambda s: s.backend.get("client_sessions/list", "?user_identifier_key=someone"),
    "create a client session": lambda s: s.backend.post("client_sessions/create", connected_account_ids=[s.account]),
    "get or create a client session": lambda s: s.backend.post(
        "client_sessions/get_or_create", user_identifier_key="someone", connected_account_ids=[s.account]
    ),
    "grant access": lambda s: s.backend.post(
        "client_sessions/grant_access", client_session_id=str(s.client_session.pk), connected_account_ids=[s.account]
    ),
    "revoke a client session": lambda s: s.backend.post(
        "client_sessions/revoke", client_session_id=str(s.spare_client_session.pk)
    ),
    "delete a client session": lambda s: s.backend.post(
        "client_sessions/delete", client_session_id=str(s.spare_client_session.pk)
    ),
    "mint": lambda s: s.backend.request("POST", f"v1/sessions/{s.session}/tokens"),
    "mint from a template": lambda s: s.backend.request("POST", f"v1/sessions/{s.session}/tokens/hasura"),
    "get a user session": lambda s: s.backend.get(f"v1/sessions/{s.session}"),
    "list ten of a user": lambda s: s.backend.get("v1/sessions", f"?user_id={s.user}"),
    "list active ones of a user": lambda s: s.backend.get(
        "v1/sessions", f"?user_id={s.user}&status=active&paginated=true"
    ),
    "list sessions of a client": lambda s: s.backend.get("v1/sessions", f"?client_id={s.client.pk}"),
    "list clients": lambda s: s.backend.get("v1/clients"),
    "create a user session": lambda s: s.backend.post("v1/sessions", user_id=s.user),
    "revoke a user session": lambda s: s.backend.request("POST", f"v1/sessions/{s.other_session}/revoke"),
    "read the key set": lambda s: s.backend.get("v1/jwks"),
    "read the client in an app": lambda s: s.app.get("v1/client"),
    "mint in an app": lambda s: s.app.verb(s.client.last_active_session_id, "tokens"),
    "touch in an app": lambda s: s.app.verb(s.client.last_active_session_id, "touch"),
    "touch after the interval": lambda s: UserSession.objects.get(pk=s.session).touch(
        at=timezone.now() + timedelta(hours=1)
    ),
    "list the own sessions": lambda s: s.app.get("v1/me/sessions/active"),
    "sign in with a ticket": lambda s: App().sign_in(get_user_model().objects.create_user("newcomer")),
    "end a session": lambda s: s.app.verb(s.client.last_active_session_id, "end"),
    "revoke all sessions of a user": lambda s: UserSession.objects.of_user(number_of_user(101)).revoke(actor=BY),
    "record expired sessions": lambda s: record_expired(UserSession.objects.all()),
    "spend a nonce": lambda s: SpentNonce.objects.spend("nonce", expire_at=s.at, at=s.at),
    "read the history of a subject": lambda s: list(Event.objects.filter(subject=s.session)[:50]),
}

# What is sorted or read as a whole although the table grows, because it is few rows.
BOUNDED = {
    r"Sort Key: (live_grant\.|client_sessions_devices_device\.)?(created_at, \S+)?id$": "what a session reaches",
    r"devices with a token: SELECT client_sessions_devices_device: USE TEMP": "what a session reaches",
    r"SELECT client_sessions_grant: (USE TEMP|Sort Key: id$)": "the grants of the sessions of one page",
    r"delete a client session: .*Sort Key: workspace_id": "one session, found by its id",
    r"SELECT user_sessions_(client|ticket): (USE TEMP|Sort Key: .*\bcreated_at DESC$)": "one row by its id",
    r"SELECT sessions_core_webhookendpoint: ": "the endpoints of one workspace",
    r"list clients: SELECT user_sessions_usersession: ": "the sessions of one page; PostgreSQL hashes few users",
    r"list the own sessions: ": "the live sessions of one user, by their latest use",
    r"(an app|a ticket|end a session): SELECT user_sessions_usersession: ": "the sessions of one client",
}


@pytest.fixture(scope="module")
def explained(django_db_setup: None, django_db_blocker: Any) -> dict[str, list[Plan]]:
    """Run every operation once among many rows, and return the plans of its statements."""
    hosts = override_settings(ALLOWED_HOSTS=["*"])
    with django_db_blocker.unblock(), hosts, transaction.atomic():
        scene = make_scene()
        found = {}
        for name, run in OPERATIONS.items():
            with statements() as seen:
                response = run(scene)
            assert getattr(response, "status_code", 200) == 200, (name, response.content)
            found[name] = plans(seen)
        transaction.set_rollback(True)
    return found


def make_scene() -> SimpleNamespace:
    workspace = create_workspace(name="Here", is_sandbox=True, frontend_api="https://here.example.com")
    fill(workspace.pk, ROWS)
    account = ConnectedAccount.objects.create(workspace=workspace, display_name="account")
    Device.objects.bulk_create(
        Device(workspace=workspace, connected_account=account, name=f"device {n}") for n in range(10)
    )
    wanted = {"connected_account": [str(account.pk)]}
    session = ClientSession.objects.start(workspace, actor=BY, wanted=wanted, user_identifier_key="someone")
    JwtTemplate.objects.define(workspace, Definition(name="hasura", claims={"x": "{{user.id}}"}), actor=BY)
    SigningKey.objects.current(workspace)
    app = App()
    client = _client_of_ten(workspace)
    app.credential = client_token(client)
    return SimpleNamespace(
        workspace=workspace,
        account=str(account.pk),
        client_session=session,
        spare_client_session=ClientSession.objects.start(workspace, actor=BY, wanted=wanted),
        scoped=bearer(session.token),
        backend=bearer(ApiKey.objects.issue(workspace, name="a backend", actor=BY)[1]),
        session=session_id(1),
        other_session=session_id(2),
        user=user_id(number_of_user(1)),
        client=client,
        app=app,
        at=timezone.now(),
    )


def _client_of_ten(workspace: Workspace) -> Client:
    client = Client.objects.begin(workspace, at=timezone.now())
    for n in range(10):
        user = get_user_model().objects.create_user(f"account {n}")
        UserSession.objects.start(workspace, user, actor=BY, client=client)
    return client


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_reads_no_whole_table_and_sorts_only_a_few_rows(explained, operation):
    slow = [f"{operation}: {title}: {step}" for title, steps in explained[operation] for step in steps if is_slow(step)]
    assert [each for each in slow if not any(re.search(known, each) for known in BOUNDED)] == []


def test_the_plans_are_those_on_file(explained):
    if os.environ.get("GATEPASS_PLANS") == "write":
        file().parent.mkdir(exist_ok=True)
        file().write_text(as_text(explained))
    if not file().exists():
        pytest.skip(f"there are no plans of this version: {file().name}")
    assert as_text(explained) == file().read_text()
