"""Settings of Gatepass: one dict per app. Each is read on access, so ``override_settings`` works."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings as django_settings

from sessions_core.crypto.derived_keys import derived_keys

__all__ = ["DEFAULT_RETENTION", "AppSettings", "RetainingSettings", "origin_or_none", "settings"]

# RFC 6454, section 6.1. Links add the path.
_ORIGIN = re.compile(r"https?://[^\s/?#@\\]+", re.ASCII)

# How long ``manage.py sessions clean`` keeps rows, by kind, and the shortest time that a project can choose.
DEFAULT_RETENTION: Mapping[str, timedelta | None] = {"events": timedelta(days=365)}
LEAST_RETENTION = {"events": timedelta(days=180)}


class AppSettings:
    """The dict ``name`` in Django's settings; a subclass has one typed property per key, in lower case."""

    name: str

    @property
    def given(self) -> Mapping[str, object]:
        """Return the dict of the project, or an empty one if the value is not a dict, which the checks report."""
        given = self.raw_value
        return given if isinstance(given, Mapping) else {}

    @property
    def raw_value(self) -> object:
        """Return the value in Django's settings, of any type."""
        return getattr(django_settings, self.name, {})

    @classmethod
    def setting_names(cls) -> set[str]:
        """Return the keys of this app."""
        own = (each for each in cls.__mro__ if each is not AppSettings)
        return {key.upper() for each in own for key, value in vars(each).items() if isinstance(value, property)}


def origin_or_none(value: object) -> str | None:
    """Return the value of a setting if it is an origin such as ``https://example.com``, or None."""
    return value if isinstance(value, str) and _ORIGIN.fullmatch(value) else None


class RetainingSettings(AppSettings):
    """Settings of an app with rows that ``manage.py sessions clean`` deletes some time after they are over."""

    default_retention: Mapping[str, timedelta | None]
    least_retention: Mapping[str, timedelta] = {}

    @property
    def retention(self) -> Mapping[str, timedelta | None]:
        """How long rows are kept after they are over, by kind, or None for ever. Kinds that are not listed keep their
        default."""
        given = self.given.get("RETENTION", {})
        return {**self.default_retention, **(given if isinstance(given, dict) else {})}

    def retention_of(self, kind: str) -> timedelta | None:
        """Return how long rows of a kind are kept: for ever if the setting is invalid, never less than the least."""
        kept, least = self.retention.get(kind), self.least_retention.get(kind, timedelta(0))
        return max(kept, least) if isinstance(kept, timedelta) else None


class CoreSettings(RetainingSettings):
    name = "SESSIONS_CORE"
    default_retention = DEFAULT_RETENTION
    least_retention = LEAST_RETENTION

    @property
    def token_keys(self) -> Sequence[str]:
        """Keys that tokens are derived from, newest first, each of at least 32 characters.

        New tokens use the first key. Tokens of the other keys work until you remove their key. Default: derived from
        SECRET_KEY and SECRET_KEY_FALLBACKS.
        """
        return self._keys("TOKEN_KEYS")

    @property
    def encryption_keys(self) -> Sequence[str]:
        """Keys that secrets in the database are encrypted with, newest first, each of at least 32 characters.

        New secrets use the first key. All of the keys can decrypt, and so can those derived from SECRET_KEY and
        SECRET_KEY_FALLBACKS, which are the default.
        """
        return self._keys("ENCRYPTION_KEYS")

    @property
    def default_workspace(self) -> UUID | None:
        """Id of the workspace in which users of your own pages sign in. A project with one workspace needs none."""
        given = self.given.get("DEFAULT_WORKSPACE")
        try:
            return given if isinstance(given, UUID) or given is None else UUID(str(given))
        except ValueError:
            return None

    @property
    def trusted_proxies(self) -> int:
        """Number of your proxies in front of the server that each append to X-Forwarded-For. The caller's address is
        the one that the outermost of them saw; with 0, the address of the connection."""
        trusted = self.given.get("TRUSTED_PROXIES", 0)
        return trusted if isinstance(trusted, int) and trusted > 0 else 0

    @property
    def processes(self) -> int:
        """Number of server processes. Without a shared cache each process allows its part of a rate limit, so that all
        of them together never allow more than the limit."""
        processes = self.given.get("PROCESSES", 1)
        return processes if isinstance(processes, int) and processes > 0 else 1

    def _keys(self, name: str) -> Sequence[str]:
        given = self.given
        if name not in given:
            return derived_keys(name)
        keys = given[name]
        return keys if isinstance(keys, list | tuple) and all(isinstance(key, str) for key in keys) else ()


settings = CoreSettings()
