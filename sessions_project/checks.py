"""System checks of the reference server. A live server does not start with any of these errors.

They are asked by ``check --deploy`` and by ``serve``, but not by a sandbox, which only this machine reaches.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from sessions_core.conf import settings as core_settings

__all__ = ["is_loopback"]

# As Django's security.W009, which is only a warning.
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
        yield Error("DEBUG is on: error pages show settings and code.", hint="Unset DEBUG.", id="sessions_project.E001")
    secret = settings.SECRET_KEY
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < FEWEST_CHARACTERS or secret.startswith("django-insecure-"):
        yield Error(
            f"SECRET_KEY must be a random text of at least {SHORTEST_SECRET} characters.",
            hint="Make one with python3 -c 'import secrets; print(secrets.token_urlsafe(50))'.",
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
                "GATEPASS_URL is http:// on another machine: every credential crosses the network in the clear.",
                hint="Put a proxy that ends TLS in front, and set GATEPASS_URL to its https:// address.",
                id="sessions_project.E005",
            )
        return
    if not core_settings.trusted_proxies:
        yield Error(
            "GATEPASS_URL is https://, so a proxy is in front, but GATEPASS_TRUSTED_PROXIES is 0: rates would count "
            "all callers as one.",
            hint="Set GATEPASS_TRUSTED_PROXIES to the number of your proxies, which is 1 behind a single one.",
            id="sessions_project.E004",
        )
    if not settings.GATEPASS_SECURE:
        yield Error(
            "GATEPASS_SECURE is off although GATEPASS_URL is https://: cookies would also travel over plain HTTP.",
            hint="Unset GATEPASS_SECURE.",
            id="sessions_project.E006",
        )
