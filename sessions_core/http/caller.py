"""What a request says of its caller: the bearer token and the address."""

import re
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from django.http import HttpRequest

from sessions_core.conf import settings

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["bearer_of", "client_address"]


# An address as some proxies write it, with the port it came from: 192.0.2.1:40001, [2001:db8::1]:443.
_WITH_PORT = re.compile(r"(?:\[(?P<ipv6>[^]]+)\]|(?P<ipv4>[0-9.]+))(?::[0-9]+)?", re.ASCII)


def bearer_of(request: "HttpRequest | Request") -> str:
    """The credential of ``Authorization: Bearer`` (RFC 6750, section 2.1), empty if there is none of that form."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    return credential if scheme.lower() == "bearer" and " " not in credential else ""


def client_address(request: "HttpRequest | Request") -> str:
    """Who connects, as the outermost proxy we trust saw it; what a caller writes into X-Forwarded-For is not believed.

    See the setting TRUSTED_PROXIES. A port is left away. IPv4 over a socket of IPv6 (RFC 4291, section 2.5.5.2) is told
    as IPv4: to IPv6 all of it is one network.
    """
    seen = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",")]
    trusted = settings.trusted_proxies
    address = seen[-trusted] if 0 < trusted <= len(seen) and seen[-trusted] else request.META.get("REMOTE_ADDR", "")
    written = _WITH_PORT.fullmatch(address)
    try:
        ip = ip_address(written["ipv6"] or written["ipv4"] if written else address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        # Without its zone (RFC 4007), which names an interface of this machine and which no database stores.
        return str(ip.ipv4_mapped or IPv6Address(int(ip)))
    return str(ip)
