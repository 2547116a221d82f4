"""The signing keys and the origins that this process trusts, read again now and then."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from django.core.signals import setting_changed
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from sessions_core.db.transactions import is_away
from sessions_core.models import AllowedOrigin, Workspace
from sessions_core.models.workspaces import is_loopback
from user_sessions.conf import settings
from user_sessions.exceptions import SessionsUnavailable
from user_sessions.keys.key_sets import default_workspace, verifier_of
from user_sessions.models import SigningKey, UserSessionPolicy
from user_sessions.tokens.cookie_names import SESSION_COOKIE, cookie_names
from user_sessions.verify import Malformed, Verifier
from user_sessions.verify.form import parse

__all__ = ["TrustedKeys", "TrustedWorkspace", "connect", "trusted_keys"]

logger = logging.getLogger(__name__)

# Anyone can invent a key id, so refused tokens cause at most one read in this many seconds.
REFUSED_EVERY = 1.0

# Seconds before the next attempt after the database failed. Threads that waited for the failed read do not repeat it.
RETRY_AFTER = 1.0


@dataclass(frozen=True, kw_only=True)
class TrustedWorkspace:
    """A verifier with the keys of the default workspace, and the origins whose pages may use its session cookie.

    ``session_cookies`` are the names of that cookie, the preferred one first. ``read_at`` is in monotonic seconds.
    """

    workspace_id: UUID
    is_sandbox: bool
    verifier: Verifier
    origins: frozenset[str]
    session_cookies: tuple[str, ...]
    read_at: float

    def allows(self, origin: str) -> bool:
        """Return True if the workspace allows pages of this origin, as ``sessions_core.http.cors`` decides it."""
        return origin in self.origins or (self.is_sandbox and is_loopback(origin))

    def may_have_issued(self, token: str) -> bool:
        """Return False for a JWT that names neither the issuer of the workspace nor one of its keys. The token is not
        verified."""
        try:
            parts = parse(token)
        except Malformed:
            return True
        has_our_key = self.verifier.keys.key_for(parts.kid) is not None
        return has_our_key or parts.payload.get("iss") == self.verifier.issuer


class TrustedKeys:
    """What this process trusts, for at most ``JWKS_MAX_AGE``. Threads share one instance.

    It is read again after half of that time, so that an outage of the database leaves it the other half.
    ``clock`` returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        self._trusted: TrustedWorkspace | None = None
        self._retry_at = self._refused_at = float("-inf")

    def current(self) -> TrustedWorkspace | None:
        """Return what to trust now, or None if there is no workspace. No query, unless it is time to read again.

        Raise SessionsUnavailable, or NoDefaultWorkspace.
        """
        trusted = self._trusted
        return trusted if trusted and self._age(trusted) < 0.5 else self._renewed()

    def after_refusal(self, refused_by: TrustedWorkspace) -> TrustedWorkspace | None:
        """Read again, because a token may have been refused by something outdated. Return None if that is unlikely.

        Raise SessionsUnavailable.
        """
        with self._lock:
            if self._trusted is not refused_by:  # another thread has read it since
                return self._trusted
            if self._clock() < self._refused_at + REFUSED_EVERY:
                return None
            self._refused_at = self._clock()
            return self._read()

    def _renewed(self) -> TrustedWorkspace | None:
        is_usable = self._trusted is not None and self._age(self._trusted) < 1
        if not self._lock.acquire(blocking=not is_usable):
            return self._trusted
        try:
            trusted = self._trusted
            if trusted and self._age(trusted) < 0.5:  # another thread has read it
                return trusted
            try:
                return self._read()
            except SessionsUnavailable:
                if trusted is None or self._age(trusted) >= 1:
                    raise
                return trusted
        finally:
            self._lock.release()

    def _age(self, trusted: TrustedWorkspace) -> float:
        """Return the age as a part of the longest allowed."""
        return (self._clock() - trusted.read_at) / settings.jwks_max_age.total_seconds()

    def _read(self) -> TrustedWorkspace | None:
        """Read the database. Raise SessionsUnavailable."""
        if self._clock() < self._retry_at:
            raise SessionsUnavailable
        try:
            self._trusted = _from_database(read_at=self._clock())
        except Exception as error:
            if not is_away(error):
                raise
            self._retry_at = self._clock() + RETRY_AFTER
            logger.warning("The signing keys cannot be read: the database is unavailable.")
            raise SessionsUnavailable from error
        return self._trusted


def _from_database(*, read_at: float) -> TrustedWorkspace | None:
    workspace = default_workspace()
    if workspace is None:
        return None
    policy = UserSessionPolicy.of(workspace)
    listed = AllowedOrigin.objects.filter(workspace=workspace).values_list("origin", flat=True)
    return TrustedWorkspace(
        workspace_id=workspace.pk,
        is_sandbox=workspace.is_sandbox,
        verifier=verifier_of(workspace, at=timezone.now()),
        origins=frozenset(filter(None, [*listed, policy.frontend_api])),
        session_cookies=cookie_names(SESSION_COOKIE, workspace)[::-1],
        read_at=read_at,
    )


trusted_keys = TrustedKeys()


def connect() -> None:
    """Connect the receiver. Called by ``AppConfig.ready``."""
    for model in (AllowedOrigin, SigningKey, UserSessionPolicy, Workspace):
        post_save.connect(forget, sender=model)
        post_delete.connect(forget, sender=model)
    setting_changed.connect(forget)


def forget(**_: Any) -> None:
    """Let this process read again what it changed itself. The tests of a project change it many times a second."""
    trusted_keys.clear()
