"""Settings of this app: the dict ``USER_SESSIONS``."""

from collections.abc import Mapping
from datetime import timedelta

from sessions_core.rates import RatedSettings

__all__ = ["DEFAULT_RATES", "PASSWORD_CHANGE_POLICIES", "settings"]

EVERYBODY = "user_sessions.users.everybody"
ORDINARY = "user_sessions.users.is_ordinary"
DEFAULT_PROFILE = "user_sessions.profiles.default_profile"
DEFAULT_REQUIREMENT = "user_sessions.requirements.default_requirement"

PASSWORD_CHANGE_POLICIES = ("others", "all", "none")

# Sign-ins and clients made, counted by address; passwords tried for one user from one address; the same from anywhere.
DEFAULT_RATES: Mapping[str, str | None] = {"visitor": "60/minute", "password": "10/minute", "account": "100/minute"}


class UserSessionsSettings(RatedSettings):
    name = "USER_SESSIONS"
    default_rates = DEFAULT_RATES

    @property
    def session_token_lifetime(self) -> timedelta:
        """How long a session token is valid, and so how late others learn of a revocation. Default 60 seconds."""
        return self._duration("SESSION_TOKEN_LIFETIME", timedelta(seconds=60))

    @property
    def session_token_version(self) -> int:
        """Version of the claims of a session token: 2, or 1 for verifiers that do not know ``sts`` and ``v``."""
        return 1 if self.given.get("SESSION_TOKEN_VERSION") == 1 else 2

    @property
    def template_token_max_lifetime(self) -> timedelta:
        """The longest that a token from a template may live, whatever the template or the caller asks. Default a day.
        Beyond that no token outlives its session."""
        return self._duration("TEMPLATE_TOKEN_MAX_LIFETIME", timedelta(days=1))

    @property
    def jwks_max_age(self) -> timedelta:
        """How long verifiers may keep the key set, and so how late they learn that a key was revoked. A new key is
        published twice as long before it signs. Default 5 minutes, which is what Clerk's SDKs keep it for."""
        return self._duration("JWKS_MAX_AGE", timedelta(minutes=5))

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

    @property
    def workspace_users(self) -> str:
        """Dotted path of a function that takes a ``sessions_core.models.Workspace`` and answers a queryset of the users
        it may name: read, sign in, and make tickets for. Default ``"user_sessions.users.everybody"``."""
        given = self.given.get("WORKSPACE_USERS", EVERYBODY)
        return given if isinstance(given, str) else EVERYBODY

    @property
    def sign_in_requirement(self) -> str:
        """Dotted path of a function that takes a user, what they typed to sign in, and the request, after the right
        password, and before a reverification of more than the first factor. It returns what is still required of the
        user, as a sentence, or None if the password is enough. Default
        ``"user_sessions.requirements.default_requirement"``, which asks allauth and django-otp."""
        given = self.given.get("SIGN_IN_REQUIREMENT", DEFAULT_REQUIREMENT)
        return given if isinstance(given, str) else DEFAULT_REQUIREMENT

    @property
    def password_change_ends(self) -> str:
        """Which sessions of a user end when the password changes: ``"others"``, that is all but the one inside
        ``user_sessions.password_changes.keep_session``, ``"all"`` or ``"none"``. Default ``"others"``."""
        given = self.given.get("PASSWORD_CHANGE_ENDS", "others")
        return given if given in PASSWORD_CHANGE_POLICIES else "others"

    @property
    def may_be_impersonated(self) -> str:
        """Dotted path of a function that takes a user and returns whether a backend may impersonate them. Default
        ``"user_sessions.users.is_ordinary"``, which refuses superusers and staff."""
        given = self.given.get("MAY_BE_IMPERSONATED", ORDINARY)
        return given if isinstance(given, str) else ORDINARY

    def _duration(self, name: str, default: timedelta) -> timedelta:
        given = self.given.get(name, default)
        return given if isinstance(given, timedelta) else default


settings = UserSessionsSettings()
