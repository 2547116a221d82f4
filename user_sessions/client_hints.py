"""What a browser tells in ``Sec-CH-UA`` headers, which Chromium sends (W3C, User-Agent Client Hints).

``User-Agent`` of these browsers is frozen: it names neither Windows 11, nor the model of a phone, nor browsers such as
Brave. The header fields are structured (RFC 8941).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import http_sf

__all__ = ["ClientHints", "hints_of"]

# Bytes of a header field that are parsed. Real ones are shorter.
LONGEST_FIELD = 512

# A brand that means nothing, so that sites do not depend on the list: "Not:A-Brand", "Not_A Brand".
_NO_BRAND = re.compile(r"not.?a.?brand", re.IGNORECASE)

# The engine, which is in the list beside the browser.
ENGINE = "Chromium"

# Brands that User-Agent and ua-parser call otherwise.
NAMES = {"Google Chrome": "Chrome", "Microsoft Edge": "Edge", "HeadlessChrome": "HeadlessChrome"}

# From this version of the platform on, Windows is Windows 11.
WINDOWS_11 = 13


@dataclass(frozen=True, kw_only=True)
class ClientHints:
    """Empty or None if the browser does not tell."""

    browser_name: str = ""
    browser_version: str = ""
    system: str = ""
    system_version: str = ""
    model: str = ""
    is_mobile: bool | None = None


def hints_of(headers: Mapping[str, str]) -> ClientHints:
    """Return what the headers of a request tell. Accept any text without raising."""
    brands = _field(headers, "sec-ch-ua-full-version-list", "list") or _field(headers, "sec-ch-ua", "list") or []
    name, version = _browser(brands)
    system = _text(_field(headers, "sec-ch-ua-platform", "item"))
    mobile = _first(_field(headers, "sec-ch-ua-mobile", "item"))
    return ClientHints(
        browser_name=NAMES.get(name, name),
        browser_version=version,
        system=system,
        system_version=_system_version(system, _text(_field(headers, "sec-ch-ua-platform-version", "item"))),
        model=_text(_field(headers, "sec-ch-ua-model", "item")),
        is_mobile=mobile if isinstance(mobile, bool) else None,
    )


def _field(headers: Mapping[str, str], name: str, kind: str) -> Any:
    """Return the parsed field, or None if it is missing or malformed."""
    value = headers.get(name, "")
    if not value or len(value) > LONGEST_FIELD:
        return None
    try:
        return http_sf.parse(value.encode(), tltype=kind)
    except ValueError:  # StructuredFieldError and UnicodeError are ones
        return None


def _browser(brands: Any) -> tuple[str, str]:
    """Return the brand that is no engine, and its version. Without one, User-Agent knows the browser as well."""
    for brand, parameters in (each for each in brands if isinstance(each, tuple)):
        if isinstance(brand, str) and brand != ENGINE and not _NO_BRAND.search(brand):
            version = parameters.get("v", "")
            return brand, version if isinstance(version, str) else ""
    return "", ""


def _system_version(system: str, version: str) -> str:
    if system != "Windows":
        return version
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) == 0:
        return ""
    return "11" if int(major) >= WINDOWS_11 else "10"


def _first(item: Any) -> Any:
    return item[0] if isinstance(item, tuple) else None


def _text(item: Any) -> str:
    first = _first(item)
    return first if isinstance(first, str) else ""
