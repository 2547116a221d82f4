"""Settings of client sessions, in the dict ``CLIENT_SESSIONS``."""

import re
from collections.abc import Mapping

from sessions_core.rates import RatedSettings

__all__ = ["ANONYMOUS", "DEFAULT_RATES", "ClientSessionsSettings", "settings"]

# RFC 6454, section 6.1: links add the path of this server's routes themselves.
_ORIGIN = re.compile(r"https?://[^\s/?#@\\]+", re.ASCII)

# Beside the kinds of credential: whoever shows none, or one that does not hold.
ANONYMOUS = "anonymous"

# Each publishable key is counted for each address, every other credential by itself, failed authentication by address.
DEFAULT_RATES: Mapping[str, str | None] = {
    "publishable_key": "60/minute",
    "client_session": "12000/minute",
    "api_key": None,
    "personal_access_token": None,
    "personal_access_token_without_workspace": "60/minute",
    ANONYMOUS: "6000/minute",
}


class ClientSessionsSettings(RatedSettings):
    name = "CLIENT_SESSIONS"
    default_rates = DEFAULT_RATES

    @property
    def url(self) -> str | None:
        """Origin at which callers reach this API, such as ``https://sessions.example.com``. Links in answers begin with
        it. Default none: they begin with the host that the request names."""
        given = self.given.get("URL")
        return given if isinstance(given, str) and _ORIGIN.fullmatch(given) else None


settings = ClientSessionsSettings()
