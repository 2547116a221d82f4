"""What a caller sets of a JWT template, and which values are valid."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from user_sessions.exceptions import AudienceRefused, NameRefused, ReservedClaim
from user_sessions.templating.shortcodes import RESERVED, RESERVED_IN_SESSION_TOKENS, Template, TooLarge, reserved_in
from user_sessions.tokens.claims import is_audience

__all__ = ["CLOCK_SKEWS", "DEFAULT_CLOCK_SKEW", "DEFAULT_LIFETIME", "OF_SESSION_TOKENS", "Definition"]

DEFAULT_LIFETIME = 60
DEFAULT_CLOCK_SKEW = 5

# Seconds.
CLOCK_SKEWS = range(301)

# The name of the template for session tokens. No token is minted from it by name.
OF_SESSION_TOKENS = "__session_token"

# Bytes of compact JSON: with more, every session token of the workspace would be too large.
MAX_SESSION_CLAIMS = 8 * 1024

# SDKs insert the name into a URL path unescaped; these characters would change the path.
NO_PATH = frozenset("/\\?#%")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The values of a template that a caller sets. None keeps the current value, or the default of a new template.

    With ``signing_algorithm`` the template has its own key: ``signing_key``, as ``custom_keys.validate_key`` returns
    it, or if that is None the one already stored for this algorithm. An empty ``signing_algorithm`` drops the key.
    """

    name: str
    claims: Mapping[str, Any]
    lifetime: int | None = None
    allowed_clock_skew: int | None = None
    signing_algorithm: str | None = None
    signing_key: bytes | None = field(default=None, repr=False)

    def check(self) -> None:
        """Raise NameRefused, ReservedClaim, AudienceRefused, or a TemplateError of ``shortcodes``."""
        if self.name != self.name.strip() or not self.name.isprintable() or not _fits_a_path(self.name):
            raise NameRefused
        is_for_session_tokens = self.name == OF_SESSION_TOKENS
        if claim := reserved_in(self.claims, RESERVED_IN_SESSION_TOKENS if is_for_session_tokens else RESERVED):
            raise ReservedClaim(claim)
        Template.compile(self.claims)
        if not is_audience(self.claims.get("aud", "")):
            raise AudienceRefused
        if is_for_session_tokens and len(json.dumps(self.claims, separators=(",", ":"))) > MAX_SESSION_CLAIMS:
            raise TooLarge(f"more than {MAX_SESSION_CLAIMS} bytes, for session tokens")


def _fits_a_path(name: str) -> bool:
    return name not in ("", ".", "..") and not NO_PATH & set(name)
