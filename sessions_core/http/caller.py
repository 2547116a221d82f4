"""The bearer token and the address of the caller of a request."""

import re
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from django.http import HttpRequest

from sessions_core.conf import settings

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["bearer_of", "client_address"]


# An address with a port, as some proxies write it: 192.0.2.1:40001, [2001:db8::1]:443.
_WITH_PORT = re.compile(r"(?:\[(?P<ipv6>[^]]+)\]|(?P<ipv4>[0-9.]+))(?::[0-9]+)?", re.ASCII)


def bearer_of(request: "HttpRequest | Request") -> str:
    """Return the credential of ``Authorization: Bearer`` (RFC 6750, section 2.1), or an empty string."""
    scheme, _, credential = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return credential if scheme.lower() == "bearer" and " " not in credential else ""


def client_address(request: "HttpRequest | Request") -> str:
    """Return the address of the caller as the outermost trusted proxy saw it, without a port.

    See the setting TRUSTED_PROXIES. Entries that the caller itself adds to X-Forwarded-For are ignored. An IPv4-mapped
    IPv6 address (RFC 4291, section 2.5.5.2) is returned as IPv4: all of them are in one IPv6 network.
    """
    address: str = request.META.get("REMOTE_ADDR", "")
    if trusted := settings.trusted_proxies:
        seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        address = seen[-trusted] if trusted <= len(seen) and seen[-trusted] else address
    written = _WITH_PORT.fullmatch(address)
    try:
        ip = ip_address(written["ipv6"] or written["ipv4"] if written else address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        # Without the zone (RFC 4007): it names an interface of this machine, and PostgreSQL does not store it.
        return str(ip.ipv4_mapped or IPv6Address(int(ip)))
    return str(ip)
