"""What a user looks like on the wire and in claims. The host's users are the host's: one function of its own says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.module_loading import import_string

from user_sessions.conf import settings

__all__ = ["UserProfile", "default_profile"]


@dataclass(frozen=True, kw_only=True)
class UserProfile:
    """What is known of a user beyond their id; None is unknown. Metadata are JSON objects.

    ``public_metadata`` may go into tokens and to browsers, ``unsafe_metadata`` too and the user can have written it;
    ``private_metadata`` is shown to backends with a secret key and reaches no token. ``organizations`` maps the id of
    an organisation to the user's role in it.
    """

    created_at: datetime
    updated_at: datetime
    external_id: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    primary_email_address: str | None = None
    primary_phone_number: str | None = None
    email_verified: bool = False
    phone_number_verified: bool = False
    image_url: str = ""
    has_image: bool = False
    password_enabled: bool = False
    two_factor_enabled: bool = False
    last_sign_in_at: datetime | None = None
    public_metadata: Mapping[str, Any] = field(default_factory=dict)
    private_metadata: Mapping[str, Any] = field(default_factory=dict)
    unsafe_metadata: Mapping[str, Any] = field(default_factory=dict)
    organizations: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str | None:
        """First and last name, or the one there is."""
        return " ".join(name for name in (self.first_name, self.last_name) if name) or None


def profile_of(user: Any) -> UserProfile:
    """As the function says that ``USER_SESSIONS["USER_PROFILE"]`` names.

    It runs for every token made from a template, so it should read what the user row holds, and query nothing.
    """
    profile: UserProfile = import_string(settings.user_profile)(user)
    return profile


def default_profile(user: Any) -> UserProfile:
    """What Django's own user model tells. It does not know whether an address was verified, so none counts as such."""
    email_field, name = get_user_model().get_email_field_name(), user.get_username()
    joined = getattr(user, "date_joined", None) or datetime.fromtimestamp(0).astimezone()
    return UserProfile(
        created_at=joined,
        updated_at=joined,
        username=None if email_field == user.USERNAME_FIELD or name is None else str(name),  # a number, in some hosts
        first_name=getattr(user, "first_name", None) or None,
        last_name=getattr(user, "last_name", None) or None,
        primary_email_address=getattr(user, email_field, None) or None,
        password_enabled=user.has_usable_password(),
        last_sign_in_at=user.last_login,
    )
