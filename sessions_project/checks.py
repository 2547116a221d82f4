"""System checks of the reference server. A live server does not start if one fails.

``check --deploy`` and ``serve`` run them. A sandbox does not, because only this machine can reach it.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from sessions_core.conf import settings as core_settings

__all__ = ["is_loopback"]

# As in Django's security.W009, which is only a warning.
SHORTEST_SECRET = 50
FEWEST_CHARACTERS = 5


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@register(Tags.security, deploy=True)
def check_deployment(**_: object) -> Iterable[CheckMessage]:
    return [*_check_settings(), *_check_address()]


def _check_settings() -> Iterable[CheckMessage]:
    if settings.DEBUG:
        yield Error(
            "DEBUG must be off: error pages show settings and code.", hint="Unset DEBUG.", id="sessions_project.E001"
        )
    secret = settings.SECRET_KEY
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < FEWEST_CHARACTERS or secret.startswith("django-insecure-"):
        yield Error(
            f"SECRET_KEY must be a random text of at least {SHORTEST_SECRET} characters.",
            hint="Generate one with python3 -c 'import secrets; print(secrets.token_urlsafe(50))'.",
            id="sessions_project.E002",
        )
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS must list the host names of this server; '*' is not accepted.",
            hint="Unset it: the default is the host of GATEPASS_URL and this machine.",
            id="sessions_project.E003",
        )


def _check_address() -> Iterable[CheckMessage]:
    public = urlsplit(settings.GATEPASS_URL)
    if public.scheme != "https":
        if not is_loopback(public.hostname or ""):
            yield Error(
                "GATEPASS_URL must be https:// on another machine: http:// sends credentials unencrypted.",
                hint="Use a proxy that terminates TLS, and set GATEPASS_URL to its https:// address.",
                id="sessions_project.E005",
            )
        return
    if not core_settings.trusted_proxies:
        yield Error(
            "GATEPASS_TRUSTED_PROXIES must be at least 1 because GATEPASS_URL is https://: otherwise all callers "
            "share one rate limit.",
            hint="Set GATEPASS_TRUSTED_PROXIES to the number of proxies in front of the server.",
            id="sessions_project.E004",
        )
    if not settings.GATEPASS_SECURE:
        yield Error(
            "GATEPASS_SECURE must be on if GATEPASS_URL is https://: otherwise cookies also travel over HTTP.",
            hint="Unset GATEPASS_SECURE.",
            id="sessions_project.E006",
        )
