"""Parse the caller's device and browser from ``User-Agent`` (RFC 9110, section 10.1.5)."""

from dataclasses import dataclass
from ipaddress import ip_address

from ua_parser import parse

__all__ = ["Device", "device_of"]

# Characters that are parsed: a longer text takes longer, and real browsers send less.
LONGEST_USER_AGENT = 512

# Characters of a stored name or version.
LONGEST_NAME = 40

MOBILE = {"iOS", "Android", "Windows Phone", "BlackBerry OS", "KaiOS", "Tizen"}
DESKTOPS = {
    "Mac OS X": "Macintosh",
    "Windows": "Windows",
    "Linux": "Linux",
    "Ubuntu": "Linux",
    "Chrome OS": "Chromebook",
}


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device; an empty string means unknown."""

    browser_name: str
    browser_version: str
    device_type: str
    is_mobile: bool
    ip_address: str | None

    def __str__(self) -> str:
        """Return a description such as ``Chrome 142.0 on Windows, 192.0.2.7``."""
        browser = f"{self.browser_name} {self.browser_version}".strip()
        return ", ".join(
            part for part in (" on ".join(filter(None, [browser, self.device_type])), self.ip_address) if part
        )


def device_of(user_agent: str, address: str) -> Device:
    """Return the device. Accept any text without raising."""
    parsed = parse(user_agent[:LONGEST_USER_AGENT])
    browser, system, device = parsed.user_agent, parsed.os, parsed.device
    family = system.family if system else ""
    is_mobile = family in MOBILE
    kind = (device.family if device and is_mobile else "") or DESKTOPS.get(family, family)
    return Device(
        browser_name=_clean(browser.family if browser else ""),
        browser_version=_clean(".".join(part for part in (browser.major, browser.minor) if part) if browser else ""),
        device_type=_clean(kind),
        is_mobile=is_mobile,
        ip_address=_address(address),
    )


def _clean(name: str) -> str:
    return "".join(character for character in name if character.isprintable())[:LONGEST_NAME]


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
