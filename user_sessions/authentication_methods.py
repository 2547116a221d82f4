"""How a user signed in to the host project, as the values of ``amr`` (RFC 8176, section 2)."""

from typing import Any

from django.contrib.auth import load_backend
from django.contrib.auth.backends import ModelBackend

__all__ = ["HARDWARE_KEY", "ONE_TIME_PASSWORD", "PASSWORD", "SEVERAL_FACTORS", "methods_of"]

PASSWORD, ONE_TIME_PASSWORD, HARDWARE_KEY, SEVERAL_FACTORS = "pwd", "otp", "hwk", "mfa"

# The key under which allauth keeps what the user did to sign in (allauth.account.internal.flows.login).
ALLAUTH_KEY = "account_authentication_methods"

_OF_ALLAUTH = {"password": PASSWORD, "code": ONE_TIME_PASSWORD}
_OF_ALLAUTH_FACTOR = {"totp": ONE_TIME_PASSWORD, "recovery_codes": ONE_TIME_PASSWORD, "webauthn": HARDWARE_KEY}


def methods_of(request: Any, user: Any) -> list[str]:
    """Return what is known of how this user signed in: allauth's and django-otp's factors, and a password that Django
    checked. Empty if nothing is known, for example for a link sent by mail."""
    found = [method for record in request.session.get(ALLAUTH_KEY, ()) if (method := _of_record(record))]
    if not found and _is_by_password(user):
        found.append(PASSWORD)
    if getattr(user, "otp_device", None) is not None:  # django-otp sets it before ``login``
        found.append(ONE_TIME_PASSWORD)
    several = [SEVERAL_FACTORS] if len(set(found)) > 1 else []
    return list(dict.fromkeys([*found, *several]))


def _of_record(record: Any) -> str | None:
    if record.get("method") == "mfa":
        return _OF_ALLAUTH_FACTOR.get(record.get("type"))
    return _OF_ALLAUTH.get(record.get("method"))


def _is_by_password(user: Any) -> bool:
    """Return True if ``authenticate`` returned this user by Django's own check of passwords."""
    path = getattr(user, "backend", None)
    return path is not None and type(load_backend(path)).authenticate is ModelBackend.authenticate
