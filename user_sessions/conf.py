"""Settings of user sessions: the dict ``USER_SESSIONS``."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sessions_core.conf import RetainingSettings, origin_or_none
from sessions_core.moments import LONGEST_LIFETIME
from sessions_core.rates import RatedSettings

__all__ = [
    "ADDRESS_FORMS",
    "DEFAULT_RATES",
    "DEFAULT_RETENTION",
    "NEW_DEVICE_NOTICES",
    "PASSWORD_CHANGE_POLICIES",
    "settings",
]

EVERYBODY = "user_sessions.users.everybody"
ORDINARY = "user_sessions.users.is_ordinary"
DEFAULT_PROFILE = "user_sessions.profiles.default_profile"
DEFAULT_LIMITS = "user_sessions.limits.default_limits"
DEFAULT_REQUIREMENT = "user_sessions.requirements.default_requirement"

PASSWORD_CHANGE_POLICIES = ("others", "all", "none")
ADDRESS_FORMS = ("whole", "cut", "hashed", "none")
DEFAULT_RISK = "user_sessions.risk.no_risk"
DEFAULT_PLACE = "user_sessions.places.unknown"
DEFAULT_RECIPIENT = "user_sessions.recipients.default_recipient"
NEW_DEVICE_NOTICES = ("off", "signal", "mail")

# Session tokens contain the age of an authentication in whole minutes.
SHORTEST_VERIFIED_WITHIN = timedelta(minutes=2)

# visitor: new clients and sign-ins of one network. password: attempts at one user from one network. account: attempts
# at one user from all networks. new_device_mail: mails to one user about new devices.
DEFAULT_RATES: Mapping[str, str | None] = {
    "visitor": "60/minute",
    "password": "10/minute",
    "account": "100/minute",
    "new_device_mail": "5/hour",
}


# How long ``manage.py sessions clean`` keeps rows after they are over, by kind.
DEFAULT_RETENTION: Mapping[str, timedelta | None] = {
    "user_sessions": timedelta(days=90),
    "clients": timedelta(days=1),
    "tickets": timedelta(days=30),
    "sign_ins": timedelta(days=30),
}

# A client and a sign-in attempt are in use for a day.
LEAST_RETENTION = {"clients": timedelta(days=1), "sign_ins": timedelta(days=1)}


class UserSessionsSettings(RatedSettings, RetainingSettings):
    name = "USER_SESSIONS"
    default_rates = DEFAULT_RATES
    default_retention = DEFAULT_RETENTION
    least_retention = LEAST_RETENTION

    @property
    def session_token_lifetime(self) -> timedelta:
        """Return how long a session token is valid, and so how long others accept it after a revocation.

        Default 60 seconds.
        """
        return self._duration("SESSION_TOKEN_LIFETIME", timedelta(seconds=60))

    @property
    def session_token_version(self) -> int:
        """Return the version of session token claims: 2, or 1 for verifiers that do not know ``sts`` and ``v``."""
        return 1 if self.given.get("SESSION_TOKEN_VERSION") == 1 else 2

    @property
    def template_token_max_lifetime(self) -> timedelta:
        """Return the longest lifetime of a token from a template, whatever the template or the caller requests.

        Default one day. A token never outlives its session.
        """
        return self._duration("TEMPLATE_TOKEN_MAX_LIFETIME", timedelta(days=1))

    @property
    def jwks_max_age(self) -> timedelta:
        """Return how long verifiers may cache the key set, and so how long they accept a revoked key.

        A new key is published for twice this time before it signs. Default 5 minutes, as in Clerk's SDKs.
        """
        return self._duration("JWKS_MAX_AGE", timedelta(minutes=5))

    @property
    def touch_interval(self) -> timedelta:
        """Return how old the last touch must be before another one is written. Default 60 seconds."""
        return self._duration("TOUCH_INTERVAL", timedelta(seconds=60))

    @property
    def session_cache_max_age(self) -> timedelta:
        """Return how long a process may reuse what it read of a session, in views whose freshness is ``cached``.

        So long such a view can accept a session that is over. Default 10 seconds.
        """
        return self._duration("SESSION_CACHE_MAX_AGE", timedelta(seconds=10))

    @property
    def allow_unfiltered_list(self) -> bool:
        """Return True if ``GET /v1/sessions`` works without a user and without a client. Default False."""
        return self.given.get("ALLOW_UNFILTERED_LIST", False) is True

    @property
    def user_profile(self) -> str:
        """Return the dotted path of a function that maps a user to a ``user_sessions.profiles.UserProfile``.

        Default ``"user_sessions.profiles.default_profile"``, which reads the fields of Django's own user model.
        """
        given = self.given.get("USER_PROFILE", DEFAULT_PROFILE)
        return given if isinstance(given, str) else DEFAULT_PROFILE

    @property
    def workspace_users(self) -> str:
        """Return the dotted path of a function that maps a ``sessions_core.models.Workspace`` to a queryset of users.

        A workspace can read these users, sign them in and issue tickets for them. Default
        ``"user_sessions.users.everybody"``.
        """
        given = self.given.get("WORKSPACE_USERS", EVERYBODY)
        return given if isinstance(given, str) else EVERYBODY

    @property
    def sign_in_requirement(self) -> str:
        """Return the dotted path of a function that decides what is required after the correct password.

        It takes the user, the identifier they typed and the request, and returns a
        ``user_sessions.requirements.Requirement``, a sentence that refuses the sign-in, or None if the password is
        enough. It also runs before and in a reverification. Default
        ``"user_sessions.requirements.default_requirement"``, which reads allauth and django-otp.
        """
        given = self.given.get("SIGN_IN_REQUIREMENT", DEFAULT_REQUIREMENT)
        return given if isinstance(given, str) else DEFAULT_REQUIREMENT

    @property
    def session_limits(self) -> str:
        """Return the dotted path of a function that limits the lifetimes and the number of sessions of a kind.

        It takes the user, their ``user_sessions.user_agents.Device`` or None, and the workspace, and returns
        ``user_sessions.limits.Limits``. Default ``"user_sessions.limits.default_limits"``: the workspace's policy.
        """
        given = self.given.get("SESSION_LIMITS", DEFAULT_LIMITS)
        return given if isinstance(given, str) else DEFAULT_LIMITS

    @property
    def password_change_ends(self) -> str:
        """Return which sessions of a user end when the password changes: ``"others"``, ``"all"`` or ``"none"``.

        ``"others"``, the default, excepts the session passed to ``user_sessions.password_changes.keep_session``.
        """
        given = self.given.get("PASSWORD_CHANGE_ENDS", "others")
        return given if given in PASSWORD_CHANGE_POLICIES else "others"

    @property
    def address_form(self) -> str:
        """Return what is stored of the addresses of callers: ``"whole"``, ``"cut"``, ``"hashed"`` or ``"none"``.

        ``"cut"`` keeps the /24 of IPv4 and the /48 of IPv6. ``"hashed"`` stores an HMAC under the newest of the
        TOKEN_KEYS. Default ``"whole"``.
        """
        given = self.given.get("ADDRESS_FORM", "whole")
        return given if given in ADDRESS_FORMS else "none"

    @property
    def place_of_address(self) -> str:
        """Return the dotted path of a function that maps an address to a ``user_sessions.places.Place`` or None.

        ``"user_sessions.places.in_place_database"`` reads ``PLACE_DATABASE``. Default
        ``"user_sessions.places.unknown"``.
        """
        given = self.given.get("PLACE_OF_ADDRESS", DEFAULT_PLACE)
        return given if isinstance(given, str) else DEFAULT_PLACE

    @property
    def place_database(self) -> Path | None:
        """Return the path of a local file in MaxMind's format (MMDB) with cities or countries, or None."""
        given = self.given.get("PLACE_DATABASE")
        return Path(given) if isinstance(given, str | Path) and given else None

    @property
    def sign_in_risk(self) -> str:
        """Return the dotted path of a function that decides about a sign-in that may be somebody else's.

        It takes the user, the session, its ``Activity`` and a queryset of the user's earlier activities, and returns a
        ``user_sessions.risk.Risk``. Default ``"user_sessions.risk.no_risk"``.
        """
        given = self.given.get("SIGN_IN_RISK", DEFAULT_RISK)
        return given if isinstance(given, str) else DEFAULT_RISK

    @property
    def activities_per_session(self) -> int:
        """Return how many activities of a session are kept, the latest ones. Default 10."""
        given = self.given.get("ACTIVITIES_PER_SESSION", 10)
        return given if type(given) is int and given >= 1 else 10

    @property
    def devices_page_verified_within(self) -> timedelta | None:
        """Return how long ago a user may have authenticated to sign devices out on the page "Your devices", or None.

        Default None: any time ago. Whole minutes count, at least 2. The list needs no re-authentication.
        """
        given = self.given.get("DEVICES_PAGE_VERIFIED_WITHIN")
        if isinstance(given, timedelta) and SHORTEST_VERIFIED_WITHIN <= given <= LONGEST_LIFETIME:
            return given
        return None if given is None else SHORTEST_VERIFIED_WITHIN

    @property
    def remember_devices(self) -> bool:
        """Return True if a cookie names the client of a browser, so that later sign-ins start on it. Default False."""
        return self.given.get("REMEMBER_DEVICES", False) is True

    @property
    def new_device_notice(self) -> str:
        """Return what happens when a user signs in on a new device: ``"off"``, ``"signal"`` or ``"mail"``.

        With ``"signal"`` the event has ``new_device`` and the signal ``new_device_signed_in`` is sent; with ``"mail"``
        the user also gets a mail. Default ``"off"``.
        """
        given = self.given.get("NEW_DEVICE_NOTICE", "off")
        return given if given in NEW_DEVICE_NOTICES else "off"

    @property
    def new_device_recipient(self) -> str:
        """Return the dotted path of a function that decides who gets the mail about a new device, in which language.

        It takes the user and the session, and returns a ``user_sessions.recipients.Recipient``, or None for no mail.
        Default ``"user_sessions.recipients.default_recipient"``: the address of the user.
        """
        given = self.given.get("NEW_DEVICE_RECIPIENT", DEFAULT_RECIPIENT)
        return given if isinstance(given, str) else DEFAULT_RECIPIENT

    @property
    def url(self) -> str | None:
        """Return the origin of the pages for users, such as ``https://www.example.com``: links in mails start with it.

        Default None. The Host header of a request is not used: an attacker who signs in chooses it.
        """
        return origin_or_none(self.given.get("URL"))

    @property
    def adopt_django_sessions(self) -> bool:
        """Return True if a Django session that began before this app was installed gets a user session at its next
        request. Default True."""
        return self.given.get("ADOPT_DJANGO_SESSIONS", True) is True

    @property
    def may_be_impersonated(self) -> str:
        """Return the dotted path of a function that returns True for a user whom backends may impersonate.

        Default ``"user_sessions.users.is_ordinary"``, which refuses superusers and staff.
        """
        given = self.given.get("MAY_BE_IMPERSONATED", ORDINARY)
        return given if isinstance(given, str) else ORDINARY

    def _duration(self, name: str, default: timedelta) -> timedelta:
        given = self.given.get(name, default)
        return given if isinstance(given, timedelta) else default


settings = UserSessionsSettings()
