"""Checks of webhook URLs: only HTTPS to public addresses is allowed.

Each attempt resolves the name once, checks all addresses, and connects to a checked address.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

__all__ = ["NotAllowed", "Target", "is_public"]

PORTS = (443, 8443)

# Networks that the ``ipaddress`` module counts as public.
_REFUSED_NETWORKS = [
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's own services
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",  # examples
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # examples
    )
]

# The rest of IPv6 is mapped and translated IPv4, local, or unassigned.
_GLOBAL_UNICAST = ip_network("2000::/3")

# The type of ``socket.getaddrinfo``.
Resolve = Callable[..., list[tuple[Any, ...]]]


class NotAllowed(ValueError):
    """The URL or its address is not allowed; the message has the reason."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return True if the address is a public address on the Internet."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address.scope_id):
        return False
    return not any(address in network for network in _REFUSED_NETWORKS)


@dataclass(frozen=True, kw_only=True)
class Target:
    """The parts of an allowed URL. ``is_local`` means plain HTTP to this machine."""

    host: str
    port: int
    path: str
    is_local: bool

    @classmethod
    def parse(cls, url: str, *, is_sandbox: bool) -> "Target":
        """Parse and check a URL. Raise NotAllowed."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "#" in url:
            raise NotAllowed("The URL must be ASCII, without spaces and without a fragment.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as reason:
            raise NotAllowed(f"The URL is malformed: {reason}.") from None
        is_local = parts.scheme == "http" and is_sandbox
        if not host or "@" in parts.netloc or not (is_local or parts.scheme == "https"):
            raise NotAllowed("The URL must look like https://example.com/webhooks; only a sandbox allows http://.")
        _refuse_host(host, is_local=is_local)
        port = port or (80 if is_local else 443)
        if not is_local and port not in PORTS:
            raise NotAllowed(f"The port must be {' or '.join(map(str, PORTS))}.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(host=host, port=port, path=path, is_local=is_local)

    def addresses(self, resolve: Resolve = socket.getaddrinfo) -> list[str]:
        """Resolve the host. Raise NotAllowed if any of its addresses is not allowed."""
        found = [ip_address(answer[4][0]) for answer in resolve(self.host, self.port, type=socket.SOCK_STREAM)]
        for address in found:
            if not (address.is_loopback if self.is_local else is_public(address)):
                raise NotAllowed(f"{self.host} resolves to {address}, which is not allowed.")
        return list(dict.fromkeys(map(str, found)))


def _refuse_host(host: str, *, is_local: bool) -> None:
    """Raise NotAllowed for a host that is not allowed whatever it resolves to."""
    address = _literal(host)
    is_loopback = address.is_loopback if address else f".{host.rstrip('.')}".endswith(".localhost")
    if is_local and not is_loopback:
        raise NotAllowed(
            "http:// is allowed only to this machine, such as http://127.0.0.1:8000/webhooks. Use https:// for others."
        )
    if not is_local and (is_loopback or (address and not is_public(address))):
        raise NotAllowed(f"{host} is not a public address.")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a host in any notation that resolvers accept, such as 127.1, or None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
