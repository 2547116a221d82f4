"""Check the credentials that a caller enters. Every attempt counts towards the rate limits of its user."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from sessions_core.models import Workspace
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.frontend_rates import count
from user_sessions.passwords import LockedOut, attempt_limits, authenticate_password, can_have_password
from user_sessions.requirements import requirement_of
from user_sessions.users import has_user, normalize_name

__all__ = ["LONGEST_PASSWORD", "CredentialAttempts", "wrong_password"]

# Characters. Hashing a longer password takes longer.
LONGEST_PASSWORD = 4096


@dataclass(frozen=True, kw_only=True)
class CredentialAttempts:
    """The attempts of one caller. ``request`` goes to the host's backends and to its requirement function."""

    workspace: Workspace
    network: str
    request: HttpRequest

    def by_password(self, user: Any | None, name: str, password: str, *, or_another: bool = False) -> Any | None:
        """Return the user whom the host's backends authenticate, or None if the name is unknown.

        Raise ClerkError for a wrong password, or over the rate limit. With ``or_another`` the backends may return
        another user with this name.
        """
        self._count(user.pk if user else normalize_name(name))
        try:
            found = authenticate_password(user, name, password, self.request)
        except LockedOut:
            raise ClerkError("user_locked", "Too many wrong passwords. Try again later.") from None
        if found is not None and (user is None or or_another or found.pk == user.pk):
            return found if has_user(self.workspace, found) else None
        if user is None:
            return None
        if not can_have_password(user):
            raise ClerkError("strategy_for_user_invalid", "This user has no password.")
        raise wrong_password()

    def require_password_to_be_enough(self, user: Any, identifier: str) -> None:
        """Raise ClerkError with the host's sentence if the host requires more of this user than a password."""
        missing = requirement_of(user, identifier, self.request)
        if missing is not None:
            raise ClerkError("strategy_for_user_invalid", missing)

    def _count(self, who: object) -> None:
        for kind, keys in attempt_limits(who, self.network):
            count(kind, *keys)


def wrong_password() -> ClerkError:
    return of_parameter("form_password_incorrect", "password", "Password is incorrect. Try again.")
