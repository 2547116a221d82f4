"""What the page "Your devices" and its JSON show of a session and of a pass."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from sessions_core.passes import Pass
from sessions_core.texts import printable
from user_sessions.models import Status, UserSession
from user_sessions.pages.device_words import methods_in_words, time_in_words

__all__ = ["ShownPass", "ShownSession"]

# Characters of the name of a pass.
LONGEST_NAME = 60


@dataclass(frozen=True, kw_only=True)
class ShownSession:
    """A session that was read with its client and latest activity."""

    session: UserSession
    at: datetime
    is_current: bool = False

    @property
    def id(self) -> str:
        return self.session.pk

    @property
    def name(self) -> str:
        """Return the name that the user gave the device, or an empty text."""
        return self.session.client.name

    @cached_property
    def device(self) -> str:
        """Return a text such as "Firefox 145.0 on Windows", or an empty one."""
        activity = self.session.latest_activity
        if activity is None:
            return ""
        browser = f"{activity.browser_name} {activity.browser_version}".strip()
        if browser and activity.device_type:
            return _("%(browser)s on %(device)s") % {"browser": browser, "device": activity.device_type}
        return browser or activity.device_type

    @property
    def title(self) -> str:
        return self.name or self.device or _("Unknown device")

    @property
    def place(self) -> str:
        return str(self.session.latest_activity.place) if self.session.latest_activity else ""

    @property
    def address(self) -> str:
        return (self.session.latest_activity and self.session.latest_activity.ip_address) or ""

    @property
    def methods(self) -> str:
        return methods_in_words(self.session.amr)

    @property
    def is_impersonation(self) -> bool:
        return self.session.impersonator is not None

    @property
    def first_seen(self) -> str:
        return time_in_words(self.session.created_at, at=self.at)

    @property
    def last_seen(self) -> str:
        return time_in_words(self.session.last_active_at, at=self.at)

    @property
    def status(self) -> Status:
        return self.session.status_at(self.at)

    @property
    def json(self) -> dict[str, Any]:
        activity = self.session.latest_activity
        return {
            "id": self.id,
            "current": self.is_current,
            "status": self.status,
            "name": self.name,
            "browser_name": activity.browser_name if activity else "",
            "browser_version": activity.browser_version if activity else "",
            "device_type": activity.device_type if activity else "",
            "is_mobile": activity.is_mobile if activity else None,
            "approximate_place": self.place,
            "ip_address": self.address,
            "authentication_methods": self.session.amr,
            "is_impersonation": self.is_impersonation,
            "first_seen": self.session.created_at,
            "last_seen": self.session.last_active_at,
        }


@dataclass(frozen=True, kw_only=True)
class ShownPass:
    given: Pass
    at: datetime

    @property
    def name(self) -> str:
        return printable(self.given.name, longest=LONGEST_NAME) or str(self.given.label)

    @property
    def created(self) -> str:
        return time_in_words(self.given.created_at, at=self.at)

    @property
    def last_used(self) -> str:
        return time_in_words(self.given.last_used_at, at=self.at) if self.given.last_used_at else ""

    @property
    def expires(self) -> str:
        return time_in_words(self.given.expires_at, at=self.at) if self.given.expires_at else ""

    @property
    def json(self) -> dict[str, Any]:
        given = self.given
        return {
            "kind": given.kind,
            "id": given.id,
            "name": self.name,
            "created_at": given.created_at,
            "last_used_at": given.last_used_at,
            "expires_at": given.expires_at,
        }
