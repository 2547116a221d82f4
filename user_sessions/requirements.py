"""What the host requires of a sign-in beside the correct password: a second factor, tasks, or another way to sign in.

Third-party apps are imported inside functions, because they are optional.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from user_sessions.conf import settings
from user_sessions.models.start_arguments import task_names
from user_sessions.second_factors import SecondFactor, enrolled_factors

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["Requirement", "default_requirement"]

SECOND_FACTOR = _("This account has a second factor, which cannot be entered here.")


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """What is required of a user after the correct password. Without arguments the password is enough.

    ``refusal`` is a sentence for a user who cannot sign in here. Of ``second_factors`` the user must enter one. The
    session begins pending with ``tasks``.
    """

    refusal: str | None = None
    second_factors: Sequence[SecondFactor] = ()
    tasks: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.refusal, str | None):
            raise ValueError("refusal must be a sentence, or None.")
        given: object = self.second_factors
        if not isinstance(given, list | tuple) or not all(isinstance(factor, SecondFactor) for factor in given):
            raise ValueError("second_factors must be a list of SecondFactor.")
        task_names(self.tasks)


def requirement_of(user: Any, identifier: str, request: HttpRequest) -> Requirement:
    """Call the function in ``USER_SESSIONS["SIGN_IN_REQUIREMENT"]``. The default answers in English, like the API.

    Raise TypeError for a result of another type.
    """
    function = import_string(settings.sign_in_requirement)
    with override("en") if function is default_requirement else nullcontext():
        given: object = function(user, identifier, request)
    if isinstance(given, Requirement):
        return given
    if given is None or isinstance(given, str):
        return Requirement(refusal=given)
    raise TypeError(f"{settings.sign_in_requirement} must return a Requirement, a string or None.")


def default_requirement(user: Any, identifier: str, request: HttpRequest) -> Requirement:
    """Return what allauth or django-otp still requires of this user. A refusal is in the active language.

    ``identifier`` is what the user typed to sign in. It is empty at a reverification if that is unknown.
    """
    if apps.is_installed("allauth.account") and (missing := _of_allauth_account(user, identifier)):
        return Requirement(refusal=str(missing))
    factors = enrolled_factors(user, request)
    return Requirement(refusal=str(SECOND_FACTOR) if factors == [] else None, second_factors=factors or ())


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
