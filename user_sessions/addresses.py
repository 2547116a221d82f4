"""The form in which the address of a caller is stored: whole, cut, as a keyed hash, or not at all."""

from ipaddress import IPv6Address, ip_address, ip_network

from sessions_core.crypto.tokens import pseudonym
from user_sessions.conf import settings

__all__ = ["StoredAddress", "stored_address"]

# Leading bits that a cut address keeps, by version of IP. They still tell the country, and often the city.
KEPT_BITS = {4: 24, 6: 48}

# Leading bits of an IPv6 address that are hashed: one line can use all addresses of its /64.
LINE_BITS = 64

# The address itself or its network, and the keyed hash. At most one of the two is set.
StoredAddress = tuple[str | None, str]

NOTHING: StoredAddress = (None, "")


def stored_address(address: str) -> StoredAddress:
    """Return what is stored of an address, by ``USER_SESSIONS["ADDRESS_FORM"]``. Accept any text."""
    try:
        ip = ip_address(address)
    except ValueError:
        return NOTHING
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    match settings.address_form:
        case "whole":
            return str(ip), ""
        case "cut":
            return str(ip_network((int(ip), KEPT_BITS[ip.version]), strict=False).network_address), ""
        case "hashed":
            line = ip if ip.version == 4 else ip_network((int(ip), LINE_BITS), strict=False)
            return None, pseudonym("address", str(line))
        case _:
            return NOTHING
