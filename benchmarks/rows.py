"""Rows for the measurements. One row of each kind is made by a public call, and the others are its copies.

So this module needs no name of a column that may differ in older code, which ``--compare`` measures.
"""

import random
import string
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone

from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.models import ClientSession, Grant
from sessions_core.models import Workspace
from user_sessions.ids import new_id
from user_sessions.models import Client, UserSession

BATCH = 5000
BY = "benchmark"
DEVICES = 10  # of each account
SESSIONS = 10  # of each user


def copies(template: models.Model, count: int, **changes: Callable[[int], Any]) -> list[Any]:
    """Insert copies of a row, with some columns changed, and return their primary keys."""
    model = type(template)
    fields = {field.attname: getattr(template, field.attname) for field in model._meta.concrete_fields}
    key = model._meta.pk
    if key.attname not in changes:
        fields.pop(key.attname)  # its default is a new one
    made = []
    for start in range(0, count, BATCH):
        numbers = range(start, min(count, start + BATCH))
        batch = [model(**fields | {name: change(n) for name, change in changes.items()}) for n in numbers]
        made += [row.pk for row in model._base_manager.bulk_create(batch)]
    return made


def users(prefix: str, count: int) -> list[Any]:
    """Insert users and return their primary keys."""
    first = get_user_model()._default_manager.create(username=f"{prefix} first")
    return [first.pk, *copies(first, count - 1, username=lambda n: f"{prefix} {n}")]


def user_sessions(workspace: Workspace, of: Sequence[Any], count: int) -> list[str]:
    """Insert sessions, spread evenly over the users, each on a client of its own. Return their ids."""
    first = UserSession.objects.start(workspace, get_user_model()._default_manager.get(pk=of[0]), actor=BY)
    now = timezone.now()
    clients = copies(
        first.client,
        count - 1,
        id=lambda n: new_id("client", at=now),
        rotation=lambda n: _text(10),
        last_active_session_id=lambda n: None,
    )
    made = copies(
        first,
        count - 1,
        id=lambda n: new_id("sess", at=now - timedelta(milliseconds=n)),
        client_id=lambda n: clients[n],
        user_id=lambda n: of[(n + 1) % len(of)],
        created_at=lambda n: now - timedelta(milliseconds=n),
    )
    return [first.pk, *made]


def client_of(workspace: Workspace, accounts: int) -> Client:
    """Return a client with this number of signed-in users."""
    client = Client.objects.begin(workspace, at=timezone.now())
    for user in users(f"account of {accounts}", accounts):
        UserSession.objects.start(workspace, get_user_model()._default_manager.get(pk=user), actor=BY, client=client)
    return client


def accounts(workspace: Workspace, count: int) -> list[Any]:
    """Insert connected accounts with ten devices each. Return their primary keys."""
    first = ConnectedAccount.objects.create(workspace=workspace, display_name="first")
    made = [first.pk, *copies(first, count - 1, display_name=lambda n: f"account {n}")]
    device = Device.objects.create(workspace=workspace, connected_account=first, name="device")
    copies(device, count * DEVICES - 1, connected_account_id=lambda n: made[(n + 1) // DEVICES])
    return made


def client_sessions(workspace: Workspace, of: Sequence[Any], count: int, *, prefix: str) -> list[Any]:
    """Insert client sessions, each with a grant of one of the accounts. Return their primary keys."""
    wanted = {"connected_account": [str(of[0])]}
    first = ClientSession.objects.start(workspace, actor=BY, user_identifier_key=f"{prefix} first", wanted=wanted)
    now = timezone.now()
    made = copies(
        first,
        count - 1,
        token_short=lambda n: _text(8),
        user_identifier_key=lambda n: f"{prefix} {n}",
        created_at=lambda n: now - timedelta(milliseconds=n),
    )
    copies(
        Grant.objects.get(client_session=first),
        count - 1,
        client_session_id=lambda n: made[n],
        resource_id=lambda n: of[(n + 1) % len(of)].hex,
    )
    return [first.pk, *made]


def fill(workspace: Workspace, sessions: int) -> None:
    """Insert this number of user sessions, client sessions, grants and devices, which no request is about."""
    mark = uuid4().hex
    user_sessions(workspace, users(mark, max(sessions // SESSIONS, 1)), sessions)
    reached = accounts(workspace, max(sessions // DEVICES, 1))
    client_sessions(workspace, reached, sessions, prefix=mark)


def _text(length: int) -> str:
    return "".join(random.choices(string.ascii_letters.translate({ord(c): None for c in "OIl"}), k=length))
