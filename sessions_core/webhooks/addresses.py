"""Where a webhook may go: to public addresses over HTTPS, however their names are written and whatever they resolve to.

A name is resolved once for an attempt, every answer is checked, and the connection is made to a checked answer.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

__all__ = ["NotAllowed", "Target", "is_public"]

PORTS = (443, 8443)

# Public to the ``ipaddress`` module, and yet no place for a webhook.
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

# The rest of IPv6 is mapped and translated IPv4, local, or not given to anybody.
_GLOBAL_UNICAST = ip_network("2000::/3")

# ``socket.getaddrinfo``, or what a test has in its place.
Resolve = Callable[..., list[tuple[Any, ...]]]


class NotAllowed(ValueError):
    """A webhook may not go there; the message says why."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is somebody's on the Internet, as far as numbers can tell."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address.scope_id):
        return False
    return not any(address in network for network in _REFUSED_NETWORKS)


@dataclass(frozen=True, kw_only=True)
class Target:
    """The parts of a URL that a webhook may be sent to. ``is_local`` is plain HTTP to this machine."""

    host: str
    port: int
    path: str
    is_local: bool

    @classmethod
    def parse(cls, url: str, *, is_sandbox: bool) -> "Target":
        """Raises NotAllowed."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "#" in url:
            raise NotAllowed("A URL has no spaces, no fragment, and nothing outside ASCII.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as reason:
            raise NotAllowed(f"That is no URL: {reason}.") from None
        is_local = parts.scheme == "http" and is_sandbox
        if not host or "@" in parts.netloc or not (is_local or parts.scheme == "https"):
            raise NotAllowed("The URL must look like https://example.com/webhooks; http:// is for sandboxes.")
        _refuse_host(host, is_local=is_local)
        port = port or (80 if is_local else 443)
        if not is_local and port not in PORTS:
            raise NotAllowed(f"The port must be {' or '.join(map(str, PORTS))}.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(host=host, port=port, path=path, is_local=is_local)

    def addresses(self, resolve: Resolve = socket.getaddrinfo) -> list[str]:
        """Where the name leads at this moment. Raises NotAllowed if any of that is no place for a webhook."""
        found = [ip_address(answer[4][0]) for answer in resolve(self.host, self.port, type=socket.SOCK_STREAM)]
        for address in found:
            if not (address.is_loopback if self.is_local else is_public(address)):
                raise NotAllowed(f"{self.host} is at {address}.")
        return list(dict.fromkeys(map(str, found)))


def _refuse_host(host: str, *, is_local: bool) -> None:
    """Raises NotAllowed for a host that no resolver can make right."""
    address = _literal(host)
    is_loopback = address.is_loopback if address else f".{host.rstrip('.')}".endswith(".localhost")
    if is_local and not is_loopback:
        raise NotAllowed(
            "Plain http:// goes to this machine only, as http://127.0.0.1:8000/webhooks; elsewhere https://."
        )
    if not is_local and (is_loopback or (address and not is_public(address))):
        raise NotAllowed(f"{host} is not a public address.")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that the host spells out, in any way that resolvers understand, such as 127.1; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
