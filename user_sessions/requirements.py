"""Requirements of the host beyond the correct password. The Frontend API cannot fulfil them, so it refuses sign-in.

Third-party apps are imported inside functions, because they are optional.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig, apps
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from user_sessions.conf import settings

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["default_requirement"]

SECOND_FACTOR = _("This account has a second factor, which cannot be entered here.")


def requirement_of(user: Any, identifier: str, request: HttpRequest) -> str | None:
    """Call the function in ``USER_SESSIONS["SIGN_IN_REQUIREMENT"]``. The default answers in English, like the API."""
    function = import_string(settings.sign_in_requirement)
    with override("en") if function is default_requirement else nullcontext():
        missing: str | None = function(user, identifier, request)
    return missing


def default_requirement(user: Any, identifier: str, request: HttpRequest) -> str | None:
    """Return what allauth or django-otp still requires of this user, as a sentence in the active language, or None.

    ``identifier`` is what the user typed to sign in. It is empty at a reverification if that is unknown.
    """
    for app, requirement in ADAPTERS.items():
        if apps.is_installed(app) and (missing := requirement(user, identifier)):
            return str(missing)
    return None


def _of_allauth_account(user: Any, identifier: str) -> "_StrOrPromise | None":
    """Check the same conditions as the stages of allauth's login, which send mail and need a session."""
    from allauth.account import app_settings
    from allauth.account.adapter import get_adapter
    from allauth.account.utils import has_verified_email

    code = app_settings.LOGIN_BY_CODE_REQUIRED
    if code is True or (code and "password" in code):
        return _("This account signs in with a code, which cannot be entered here.")
    phone = app_settings.SIGNUP_FIELDS.get("phone")
    if phone and not _is_phone_enough(get_adapter().get_phone(user), phone["required"]):
        return _("Verify your phone number first.")
    if app_settings.EMAIL_VERIFICATION == app_settings.EmailVerificationMethod.MANDATORY:
        by_address = app_settings.LoginMethod.EMAIL in app_settings.LOGIN_METHODS and _is_address(identifier)
        if not has_verified_email(user, identifier if by_address else None):
            return _("Verify your email address first.")
    return None


def _is_address(identifier: str) -> bool:
    try:
        validate_email(identifier)
    except ValidationError:
        return False
    return True


def _is_phone_enough(phone: tuple[str, bool] | None, is_required: bool) -> bool:
    from allauth.account import app_settings

    if phone is None:
        return not is_required
    return phone[1] or not app_settings.PHONE_VERIFICATION_ENABLED


def _of_allauth_mfa(user: Any, identifier: str) -> "_StrOrPromise | None":
    """Check for a second factor. A browser that allauth trusts is not trusted here."""
    from allauth.mfa.models import Authenticator
    from allauth.mfa.utils import is_mfa_enabled

    return SECOND_FACTOR if is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]) else None


def _of_django_otp(user: Any, identifier: str) -> "_StrOrPromise | None":
    from django_otp import user_has_device

    return SECOND_FACTOR if user_has_device(user, confirmed=True) else None


ADAPTERS: dict[str, Callable[[Any, str], "_StrOrPromise | None"]] = {
    "allauth.account": _of_allauth_account,
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
