"""Second factors that the host checks: what a user has enrolled in allauth or django-otp, or in any app of the host.

Third-party apps are imported inside functions, because they are optional.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.apps import AppConfig, apps
from django.http import HttpRequest

from sessions_core.db.transactions import atomic

__all__ = ["FactorKind", "SecondFactor"]


class FactorKind(StrEnum):
    """What the user types: the code of an authenticator app, or one of the codes to use once if that app is lost."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True)
class SecondFactor:
    """A second factor of one user.

    ``check`` takes the code that the user typed, without blanks, and returns True only if it is correct. From then on
    it must refuse that code, also to a concurrent request. It runs outside a transaction of ours.
    """

    kind: FactorKind
    check: Callable[[str], bool] = field(repr=False)

    def __post_init__(self) -> None:
        kind: object = self.kind
        if not isinstance(kind, FactorKind) or not callable(self.check):
            raise ValueError("A SecondFactor takes a FactorKind and a function of one argument, the code.")

    def accepts(self, code: str) -> bool:
        return self.check(code) is True


def enrolled_factors(user: Any, request: HttpRequest) -> list[SecondFactor] | None:
    """Return the second factors of the user in allauth and django-otp, or None if the user has none at all.

    The list is empty if the user has only others, such as security keys. One factor of the list is enough.
    """
    found = [adapter(user, request) for app, adapter in ADAPTERS.items() if apps.is_installed(app)]
    enrolled = [factors for factors in found if factors is not None]
    return [factor for factors in enrolled for factor in factors] if enrolled else None


def _of_allauth_mfa(user: Any, request: HttpRequest) -> list[SecondFactor] | None:
    """Return the factors of allauth's own login. A browser that allauth trusts is not trusted here."""
    from allauth.mfa.models import Authenticator
    from allauth.mfa.utils import is_mfa_enabled

    if not is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]):
        return None
    kinds = {
        Authenticator.Type.TOTP: FactorKind.TOTP,
        Authenticator.Type.RECOVERY_CODES: FactorKind.RECOVERY_CODE,
    }
    enrolled = Authenticator.objects.filter(user_id=user.pk, type__in=kinds).order_by("pk")
    return [SecondFactor(kinds[each.type], _check_of_allauth(each, request)) for each in enrolled]


def _check_of_allauth(authenticator: Any, request: HttpRequest) -> Callable[[str], bool]:
    """Return allauth's own check of a code. It counts towards the limit of allauth's login page."""
    from allauth.core import ratelimit

    def check(code: str) -> bool:
        limit = {"action": "login_failed", "key": f"mfa-auth-user-{authenticator.user_id}"}
        if not ratelimit.consume(request, **limit):
            return False
        with atomic():  # the lock stops a second request with the same code
            locked = type(authenticator).objects.select_for_update().filter(pk=authenticator.pk).first()
            if locked is None or not locked.wrap().validate_code(code):
                return False
            locked.record_usage()
        ratelimit.clear(request, **limit)
        return True

    return check


def _of_django_otp(user: Any, request: HttpRequest) -> list[SecondFactor] | None:
    """Return the devices of which django-otp checks a code that the user has at hand."""
    from django_otp import devices_for_user

    devices = list(devices_for_user(user, confirmed=True))
    kinds = [(device, _kind_of_device(device)) for device in devices]
    return [SecondFactor(kind, _check_of_device(user, device)) for device, kind in kinds if kind] if devices else None


def _kind_of_device(device: Any) -> FactorKind | None:
    if apps.is_installed("django_otp.plugins.otp_totp"):
        from django_otp.plugins.otp_totp.models import TOTPDevice

        if isinstance(device, TOTPDevice):
            return FactorKind.TOTP
    if apps.is_installed("django_otp.plugins.otp_static"):
        from django_otp.plugins.otp_static.models import StaticDevice

        if isinstance(device, StaticDevice):
            return FactorKind.RECOVERY_CODE
    return None


def _check_of_device(user: Any, device: Any) -> Callable[[str], bool]:
    """Return django-otp's own check of a code, which locks the device and slows down guesses."""
    from django_otp import verify_token

    return lambda code: verify_token(user, device.persistent_id, code) is not None


ADAPTERS: dict[str, Callable[[Any, HttpRequest], list[SecondFactor] | None]] = {
    "allauth.mfa": _of_allauth_mfa,
    "django_otp": _of_django_otp,
}


# Words in the dotted name of an app that provides second factors.
SECOND_FACTOR_APP = re.compile(
    r"(^|[._])(2fa|mfa[23]?|totp|otp|two_?factor|multi_?factor|u2f|fido2?|webauthn|trench|deux)([._]|$)"
)

# Apps whose factors an adapter covers, although they define no devices.
COVERED_APP = re.compile(
    r"(allauth\.mfa|django_otp|django_otp\.plugins\..+|two_factor|two_factor\.plugins\..+|wagtail_2fa)$"
)


def uncovered_apps() -> Iterator[str]:
    """Yield installed apps that, by their name, provide second factors and that no adapter covers."""
    for config in apps.get_app_configs():
        name = config.name
        if SECOND_FACTOR_APP.search(name) and not COVERED_APP.match(name) and not _has_otp_devices(config):
            yield name


def _has_otp_devices(config: AppConfig) -> bool:
    if not apps.is_installed("django_otp"):
        return False
    from django_otp.models import Device

    return any(issubclass(model, Device) for model in config.get_models())
