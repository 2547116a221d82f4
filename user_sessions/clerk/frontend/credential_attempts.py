"""Check the credentials that a caller enters. Every attempt counts towards the rate limits of its user."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from sessions_core.http.parameters import Choice, Kind, Problem, Text
from sessions_core.models import Workspace
from user_sessions.clerk.errors import ClerkError, of_parameter
from user_sessions.clerk.frontend.frontend_rates import count
from user_sessions.clerk.frontend.frontend_shapes import STRATEGIES
from user_sessions.clerk.parameters import Parameters
from user_sessions.passwords import (
    LONGEST_PASSWORD,
    LockedOut,
    attempt_limits,
    authenticate_password,
    can_have_password,
)
from user_sessions.requirements import Requirement, requirement_of
from user_sessions.second_factors import FactorKind
from user_sessions.users import has_user, normalize_name

__all__ = ["FIRST_FACTOR", "SECOND_FACTOR", "CredentialAttempts", "wrong_password"]

# Characters
LONGEST_CODE = 64


class Code(Text):
    """The code of a second factor. Blanks are removed, because apps show codes in groups of digits."""

    def check(self, value: object) -> str:
        code = "".join(super().check(value).split())
        if not code:
            raise Problem(Kind.NULL, self)
        if not code.isprintable():
            raise Problem(Kind.NOT_STORABLE, self, code)
        return code


FIRST_FACTOR = Parameters(
    strategy=Choice(options=("password",)), password=Text(required=True, max_length=LONGEST_PASSWORD)
)
SECOND_FACTOR = Parameters(
    strategy=Choice(required=True, options=tuple(STRATEGIES)), code=Code(required=True, max_length=LONGEST_CODE)
)


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

    def requirement(self, user: Any, identifier: str) -> Requirement:
        """Return what the host requires beside the password. Raise ClerkError with its sentence if it refuses."""
        requirement = requirement_of(user, identifier, self.request)
        if requirement.refusal is not None:
            raise ClerkError("strategy_for_user_invalid", requirement.refusal)
        return requirement

    def by_code(self, user: Any, requirement: Requirement, kind: FactorKind, code: str) -> None:
        """Check the code of a second factor with the host. Call it outside a transaction, which could restore the code.

        Raise ClerkError for a wrong code, over the rate limit, or if the user has no such factor.
        """
        factors = [factor for factor in requirement.second_factors if factor.kind == kind]
        if not factors:
            raise ClerkError("strategy_for_user_invalid", "This user has no such second factor.")
        self._count(user.pk)
        if not any(factor.accepts(code) for factor in factors):
            raise of_parameter("form_code_incorrect", "code", "Code is incorrect. Try again.")

    def _count(self, who: object) -> None:
        for kind, keys in attempt_limits(who, self.network):
            count(kind, *keys)


def wrong_password() -> ClerkError:
    return of_parameter("form_password_incorrect", "password", "Password is incorrect. Try again.")
