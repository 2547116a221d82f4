"""Settings of Gatepass, one dict per app, read from Django's settings at each access and never kept."""

from collections.abc import Mapping, Sequence

from django.conf import settings as django_settings

__all__ = ["AppSettings", "settings"]


class AppSettings:
    """The dict ``name`` in Django's settings; a subclass has one typed property per key, in lower case."""

    name: str

    @property
    def given(self) -> Mapping[str, object]:
        """What the project wrote, as it stands now; nothing if that is not a dict, which the checks refuse."""
        return self.raw_value if isinstance(self.raw_value, Mapping) else {}

    @property
    def raw_value(self) -> object:
        """What the project wrote, whatever it is."""
        return getattr(django_settings, self.name, {})

    @classmethod
    def setting_names(cls) -> set[str]:
        """The keys this app understands."""
        own = (each for each in cls.__mro__ if each is not AppSettings)
        return {key.upper() for each in own for key, value in vars(each).items() if isinstance(value, property)}


class CoreSettings(AppSettings):
    name = "SESSIONS_CORE"

    @property
    def token_keys(self) -> Sequence[str]:
        """Keys that tokens are derived from, newest first, each of at least 32 characters.

        The first one makes new tokens. The others are fallbacks: what was made with them works until they go.
        """
        return self._keys("TOKEN_KEYS")

    @property
    def encryption_keys(self) -> Sequence[str]:
        """Keys that secrets in the database are encrypted with, newest first, each of at least 32 characters.

        The first one writes, all of them read.
        """
        return self._keys("ENCRYPTION_KEYS")

    @property
    def trusted_proxies(self) -> int:
        """How many proxies of ours stand in front, each of which adds to X-Forwarded-For. Callers are told apart by
        the address that the outermost of them saw; without any, by the one that connects."""
        trusted = self.given.get("TRUSTED_PROXIES", 0)
        return trusted if isinstance(trusted, int) and trusted > 0 else 0

    @property
    def processes(self) -> int:
        """How many processes serve. While they share no cache each allows its part of a rate, so that all of them
        together never allow more than the rate."""
        processes = self.given.get("PROCESSES", 1)
        return processes if isinstance(processes, int) and processes > 0 else 1

    def _keys(self, name: str) -> Sequence[str]:
        keys = self.given.get(name, ())
        return keys if isinstance(keys, list | tuple) and all(isinstance(key, str) for key in keys) else ()


settings = CoreSettings()
