"""Settings of this app: the dict ``USER_SESSIONS``."""

from datetime import timedelta

from sessions_core.conf import AppSettings

__all__ = ["settings"]

DEFAULT_PROFILE = "user_sessions.profiles.default_profile"


class UserSessionsSettings(AppSettings):
    name = "USER_SESSIONS"

    @property
    def session_token_lifetime(self) -> timedelta:
        """How long a session token is valid, and so how late others learn of a revocation. Default 60 seconds."""
        return self._duration("SESSION_TOKEN_LIFETIME", timedelta(seconds=60))

    @property
    def touch_interval(self) -> timedelta:
        """A touch is written down only if the last one is this old. Default 60 seconds."""
        return self._duration("TOUCH_INTERVAL", timedelta(seconds=60))

    @property
    def allow_unfiltered_list(self) -> bool:
        """Whether ``GET /v1/sessions`` may leave out both user and client. Default no."""
        return self.given.get("ALLOW_UNFILTERED_LIST", False) is True

    @property
    def user_profile(self) -> str:
        """Dotted path of a function that takes a user of the host and answers a ``user_sessions.profiles.UserProfile``.
        Default ``"user_sessions.profiles.default_profile"``, which knows what Django's own user model has."""
        given = self.given.get("USER_PROFILE", DEFAULT_PROFILE)
        return given if isinstance(given, str) else DEFAULT_PROFILE

    def _duration(self, name: str, default: timedelta) -> timedelta:
        given = self.given.get(name, default)
        return given if isinstance(given, timedelta) else default


settings = UserSessionsSettings()
