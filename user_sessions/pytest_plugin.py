"""Fixtures of pytest: ``sign_in``, ``session_token_for`` and ``fake_issuer``.

pytest loads this plugin where Gatepass is installed, before Django is set up: models are imported inside fixtures.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from user_sessions.models import UserSession
    from user_sessions.verify.testing import FakeIssuer


@pytest.fixture
def sign_in(client: "Client", db: None) -> "Callable[..., UserSession]":
    """Sign a user in on the ``client`` of pytest-django: ``sign_in(user)``. See ``user_sessions.testing.sign_in``."""
    from user_sessions.testing import sign_in

    def sign_in_here(user: Any, **how: Any) -> "UserSession":
        return sign_in(client, user, **how)

    return sign_in_here


@pytest.fixture
def session_token_for(db: None) -> Callable[..., str]:
    """Return a session token of a user: see ``user_sessions.testing.session_token_for``."""
    from user_sessions.testing import session_token_for

    return session_token_for


@pytest.fixture
def fake_issuer() -> "FakeIssuer":
    """Return an issuer of session tokens for a service without Django: see ``user_sessions.verify.testing``."""
    from user_sessions.verify.testing import FakeIssuer

    return FakeIssuer()
