"""Settings of client sessions, in the dict ``CLIENT_SESSIONS``."""

from collections.abc import Mapping
from datetime import timedelta

from sessions_core.conf import RetainingSettings, origin_or_none
from sessions_core.rates import RatedSettings

__all__ = ["ANONYMOUS", "DEFAULT_RATES", "DEFAULT_RETENTION", "ClientSessionsSettings", "settings"]

# The kind of callers without a valid credential.
ANONYMOUS = "anonymous"

# Publishable keys are counted by key and address, other credentials by credential, failed authentication by address.
DEFAULT_RATES: Mapping[str, str | None] = {
    "publishable_key": "60/minute",
    "client_session": "12000/minute",
    "api_key": None,
    "personal_access_token": None,
    "personal_access_token_without_workspace": "60/minute",
    ANONYMOUS: "6000/minute",
}


# How long ``manage.py sessions clean`` keeps rows after they are over, by kind.
DEFAULT_RETENTION: Mapping[str, timedelta | None] = {"client_sessions": timedelta(days=90)}


class ClientSessionsSettings(RatedSettings, RetainingSettings):
    name = "CLIENT_SESSIONS"
    default_rates = DEFAULT_RATES
    default_retention = DEFAULT_RETENTION

    @property
    def url(self) -> str | None:
        """Origin of this API for callers, such as ``https://sessions.example.com``. Links in responses start with it.
        Default none: links use the Host header of the request."""
        return origin_or_none(self.given.get("URL"))


settings = ClientSessionsSettings()
