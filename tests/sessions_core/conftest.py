"""A webhook receiver, and a user whose sessions send events."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

from sessions_core.models import WebhookEndpoint, Workspace
from sessions_core.webhooks.delivery import Worker
from sessions_core.webhooks.posting import Network
from tests.receivers import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def endpoint(workspace: Workspace, receiver: Receiver) -> WebhookEndpoint:
    """Return an endpoint of the workspace at the receiver, created yesterday."""
    yesterday = timezone.now() - timedelta(days=1)
    return WebhookEndpoint.objects.add(workspace, receiver.url, actor="test", at=yesterday)[0]


@pytest.fixture
def user(db: None) -> User:
    return get_user_model().objects.create_user("maria", first_name="Maria", last_name="Doe")


@pytest.fixture
def deliver() -> Callable[..., None]:
    """Return a function that delivers the messages due at a moment, or now."""

    def deliver(*, at: datetime | None = None, network: Network | None = None) -> None:
        worker = Worker(network=network, clock=lambda: at) if at else Worker(network=network)
        worker.run(once=True)

    return deliver
