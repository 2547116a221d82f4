"""Second factors for tests: a host whose users each have an authenticator app and recovery codes."""

from collections.abc import Callable
from typing import Any

from user_sessions.requirements import Requirement
from user_sessions.second_factors import FactorKind, SecondFactor

__all__ = ["APP_CODES", "BOTH", "RECOVERY_CODES", "forget_used_codes"]

APP_CODES = ("111111", "222222", "333333")
RECOVERY_CODES = ("spare-1", "spare-2")

BOTH = f"{__name__}.both"

_used: set[str] = set()


def forget_used_codes() -> None:
    _used.clear()


def once(codes: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a check that accepts each code once."""

    def check(code: str) -> bool:
        if code not in codes or code in _used:
            return False
        _used.add(code)
        return True

    return check


APP = SecondFactor(FactorKind.TOTP, once(APP_CODES))
RECOVERY = SecondFactor(FactorKind.RECOVERY_CODE, once(RECOVERY_CODES))


# Functions for USER_SESSIONS["SIGN_IN_REQUIREMENT"]


def both(user: Any, identifier: str, request: Any) -> Requirement:
    return Requirement(second_factors=[RECOVERY, APP])


def app_alone(user: Any, identifier: str, request: Any) -> Requirement:
    return Requirement(second_factors=[APP])


def reusable(user: Any, identifier: str, request: Any) -> Requirement:
    """Accept a code as often as it is sent, unlike a host should."""
    return Requirement(second_factors=[SecondFactor(FactorKind.TOTP, lambda code: code in APP_CODES)])


def truthy(user: Any, identifier: str, request: Any) -> Requirement:
    """Return the code, which is true, instead of True."""
    return Requirement(second_factors=[SecondFactor(FactorKind.TOTP, lambda code: code)])  # type: ignore[arg-type,return-value]


def raising(user: Any, identifier: str, request: Any) -> Requirement:
    return Requirement(second_factors=[SecondFactor(FactorKind.TOTP, lambda code: {}[code])])


def with_tasks(user: Any, identifier: str, request: Any) -> Requirement:
    return Requirement(tasks=["accept-terms"])


def both_with_tasks(user: Any, identifier: str, request: Any) -> Requirement:
    return Requirement(second_factors=[APP], tasks=["accept-terms"])


def refusing(user: Any, identifier: str, request: Any) -> str:
    return "Sign in at the front desk."


def wrong_type(user: Any, identifier: str, request: Any) -> bool:
    return False
