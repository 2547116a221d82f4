"""Limits for kinds of sign-ins, such as those of staff, or of phones."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.module_loading import import_string

from sessions_core.models import Workspace
from sessions_core.moments import duration
from user_sessions.conf import settings
from user_sessions.user_agents import Device

__all__ = ["Limits", "default_limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a session; None leaves what the policy of the workspace says. Raise ValueError.

    A limit narrows the policy and never extends it. ``limit`` is the maximum number of live sessions of the user,
    whatever their kind.
    """

    lifetime: timedelta | None = None
    idle_lifetime: timedelta | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("lifetime", "idle_lifetime"):
            if (given := getattr(self, name)) is not None:
                duration(given, name=name)
        if self.limit is not None and (type(self.limit) is not int or self.limit < 1):
            raise ValueError("limit must be an integer of at least 1, or None.")

    def within(self, other: Any) -> "Limits":
        """Return the narrower of each limit of the two. ``other`` can also be the policy of a workspace."""
        return Limits(
            lifetime=_least(self.lifetime, other.lifetime),
            idle_lifetime=_least(self.idle_lifetime, other.idle_lifetime),
            limit=_least(self.limit, other.limit),
        )


def default_limits(user: Any, device: Device | None, workspace: Workspace) -> Limits:
    """Return no limits of its own, so that the policy of the workspace applies."""
    return Limits()


def limits_of(user: Any, device: Device | None, workspace: Workspace) -> Limits:
    """Call the function in ``USER_SESSIONS["SESSION_LIMITS"]``. Raise TypeError if it does not return Limits."""
    limits = import_string(settings.session_limits)(user, device, workspace)
    if not isinstance(limits, Limits):
        raise TypeError(f"{settings.session_limits} must return user_sessions.limits.Limits, not {limits!r}.")
    return limits


def _least(*limits: Any) -> Any:
    return min((limit for limit in limits if limit is not None), default=None)
