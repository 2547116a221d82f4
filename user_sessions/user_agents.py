"""What a caller uses: device and browser as its ``User-Agent`` tells (RFC 9110, section 10.1.5), and its address."""

from dataclasses import dataclass
from ipaddress import ip_address

from ua_parser import parse

__all__ = ["Device", "device_of"]

# Characters that are looked at: parsing takes longer the longer the text is, and no honest one has more.
LONGEST_USER_AGENT = 512

# Characters of a name or a version that are kept.
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
    """Empty is unknown."""

    browser_name: str
    browser_version: str
    device_type: str
    is_mobile: bool
    ip_address: str | None

    def __str__(self) -> str:
        """Such as ``Chrome 142.0 on Windows, 192.0.2.7``."""
        browser = f"{self.browser_name} {self.browser_version}".strip()
        return ", ".join(
            part for part in (" on ".join(filter(None, [browser, self.device_type])), self.ip_address) if part
        )


def device_of(user_agent: str, address: str) -> Device:
    """What these two tell; whatever they are, they raise nothing."""
    told = parse(user_agent[:LONGEST_USER_AGENT])
    browser, system, device = told.user_agent, told.os, told.device
    family = system.family if system else ""
    is_mobile = family in MOBILE
    kind = (device.family if device and is_mobile else "") or DESKTOPS.get(family, family)
    return Device(
        browser_name=_kept(browser.family if browser else ""),
        browser_version=_kept(".".join(part for part in (browser.major, browser.minor) if part) if browser else ""),
        device_type=_kept(kind),
        is_mobile=is_mobile,
        ip_address=_address(address),
    )


def _kept(name: str) -> str:
    return "".join(character for character in name if character.isprintable())[:LONGEST_NAME]


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
