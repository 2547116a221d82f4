"""The caller's device and browser, from ``User-Agent`` (RFC 9110, section 10.1.5) and client hints."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ua_parser import parse

from sessions_core.texts import printable
from user_sessions.addresses import stored_address
from user_sessions.client_hints import hints_of

__all__ = ["Device", "device_of"]

# Characters that are parsed: a longer text takes longer, and real browsers send less.
LONGEST_USER_AGENT = 512

# Characters of a stored name or version.
LONGEST_NAME = 40

MOBILE = {"iOS", "Android", "Windows Phone", "BlackBerry OS", "KaiOS", "Tizen"}
DESKTOPS = {
    "Mac OS X": "Macintosh",
    "macOS": "Macintosh",
    "Windows": "Windows",
    "Linux": "Linux",
    "Ubuntu": "Linux",
    "Chrome OS": "Chromebook",
}

# Browsers send the same version of these systems whichever one runs.
FROZEN = {"Windows", "Mac OS X", "Android"}

# What Chromium sends in place of the model of a phone.
NO_MODEL = {"K", "Generic Smartphone"}


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device; an empty string means unknown.

    ``ip_address`` or ``address_hash`` is what is stored of ``address``, which is only for functions that look the
    place up, and is never stored or logged.
    """

    browser_name: str
    browser_version: str
    device_type: str
    is_mobile: bool
    ip_address: str | None
    address_hash: str = ""
    system: str = ""
    system_version: str = ""
    address: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        """Return a description such as ``Chrome 142.0 on Windows, 192.0.2.7``."""
        browser = f"{self.browser_name} {self.browser_version}".strip()
        return ", ".join(
            part for part in (" on ".join(filter(None, [browser, self.device_type])), self.ip_address) if part
        )


def device_of(user_agent: str, address: str, *, headers: Mapping[str, str] | None = None) -> Device:
    """Return the device. ``headers`` can contain client hints. Accept any text without raising."""
    parsed = parse(user_agent[:LONGEST_USER_AGENT])
    browser, system, device = parsed.user_agent, parsed.os, parsed.device
    hints = hints_of(headers or {})
    family = system.family if system else hints.system
    is_mobile = family in MOBILE if hints.is_mobile is None else hints.is_mobile
    model = device.family if device and family in MOBILE and device.family not in NO_MODEL else ""
    if hints.browser_name:
        name, version = hints.browser_name, hints.browser_version
    else:
        name, version = browser.family if browser else "", _joined(browser.major, browser.minor) if browser else ""
    stored, hashed = stored_address(address)
    return Device(
        browser_name=stored_name(name),
        browser_version=stored_name(version),
        device_type=stored_name(hints.model or model or DESKTOPS.get(family, family)),
        is_mobile=is_mobile,
        ip_address=stored,
        address_hash=hashed,
        system=stored_name(family),
        system_version=stored_name(
            hints.system_version or (_joined(system.major, system.minor) if system and family not in FROZEN else "")
        ),
        address=address,
    )


def _joined(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def stored_name(name: str) -> str:
    """Return what is stored of the name or version of a device, browser or system."""
    return printable(name, longest=LONGEST_NAME)
