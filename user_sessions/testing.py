"""Sign users in from the tests of a host, without a form and without the network.

Plain functions, for ``unittest`` as well as pytest. ``user_sessions.pytest_plugin`` offers them as fixtures.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.test import Client

from sessions_core.models import Workspace
from user_sessions.django_links import SESSION_KEY
from user_sessions.models import Status, UserSession
from user_sessions.tokens.session_tokens import session_token
from user_sessions.verify.testing import FakeIssuer

__all__ = ["FakeIssuer", "session_token_for", "sign_in", "start_session"]

ACTOR = "test"


def start_session(
    user: Any,
    *,
    at: datetime | None = None,
    amr: Collection[str] = ("pwd",),
    verified_at: datetime | None = None,
    workspace: Workspace | None = None,
) -> UserSession:
    """Start a user session that began at this moment, or now, in the default workspace.

    ``verified_at`` is when the user proved who they are: pass an earlier time to test views that ask again, and "mfa"
    in ``amr`` for a second factor.
    """
    workspace = Workspace.objects.default() if workspace is None else workspace
    return UserSession.objects.start(workspace, user, actor=ACTOR, at=at, amr=amr, verified_at=verified_at)


def sign_in(client: Client, user: Any, **how: Any) -> UserSession:
    """Sign the user in on a client of Django's tests, and return their user session. ``how`` is for ``start_session``.

    The session that the client had before is replaced.
    """
    client.force_login(user)
    stored = client.session
    begun_by_login = UserSession.objects.filter(pk=stored.get(SESSION_KEY, ""))
    begun_by_login.close(Status.REPLACED, actor=ACTOR, reason="the test signs in with other facts")
    begun = start_session(user, **how)
    stored[SESSION_KEY] = begun.pk
    stored.save()
    return begun


def session_token_for(user: Any, *, at: datetime | None = None, **how: Any) -> str:
    """Return a session token of a new session, for ``Authorization: Bearer``. ``how`` is for ``start_session``."""
    return session_token(start_session(user, at=at, **how), at=at)
