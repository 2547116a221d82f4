"""Fixtures of pytest: ``client_session_for`` and ``client_with``.

pytest loads this plugin where Gatepass is installed, before Django is set up: models are imported inside fixtures.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from client_sessions.models import ClientSession


@pytest.fixture
def client_session_for(db: None) -> "Callable[..., ClientSession]":
    """Start a client session that reaches some rows: see ``client_sessions.testing.client_session_for``."""
    from client_sessions.testing import client_session_for

    return client_session_for


@pytest.fixture
def client_with() -> "Callable[..., Client]":
    """Return a test client with the token of a client session: see ``client_sessions.testing.client_with``."""
    from client_sessions.testing import client_with

    return client_with
