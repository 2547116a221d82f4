"""Count failed sign-ins, for the dashboard: each ``user_login_failed``, on every page and API that signs users in."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.signals import user_login_failed

from sessions_core.models.refusal_counts import RefusalKind, refusals

__all__ = ["connect"]


def connect() -> None:
    """Connect the receiver. Called by ``AppConfig.ready``."""
    user_login_failed.connect(count_failure)


def count_failure(sender: Any, credentials: Collection[str] = (), **_: Any) -> None:
    """Receive ``user_login_failed``. It names no workspace, because users belong to the whole project. Backends can
    check something else than a password, such as a token."""
    refusals.count(RefusalKind.WRONG_PASSWORD if "password" in credentials else RefusalKind.INVALID_CREDENTIAL)
