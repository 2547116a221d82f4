"""Profiles: the facts about a user for API objects and claims, from one function of the host."""

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
    """Facts about a user; None means unknown. Metadata are JSON objects.

    ``public_metadata`` and ``unsafe_metadata`` go into tokens and to browsers; the user may have written the latter.
    Only backends with a secret key see ``private_metadata``, and no token contains it. ``organizations`` maps the id of
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
        """Return the first and last name, or the one that is set."""
        return " ".join(name for name in (self.first_name, self.last_name) if name) or None


def profile_of(user: Any) -> UserProfile:
    """Call the function in ``USER_SESSIONS["USER_PROFILE"]``.

    It runs for every token from a template, so it should read only the user's row and make no query.
    """
    profile: UserProfile = import_string(settings.user_profile)(user)
    return profile


def default_profile(user: Any) -> UserProfile:
    """Read the fields of Django's user model. It does not record verified addresses, so none counts as verified."""
    email_field, name = get_user_model().get_email_field_name(), user.get_username()
    joined = getattr(user, "date_joined", None) or datetime.fromtimestamp(0).astimezone()
    return UserProfile(
        created_at=joined,
        updated_at=joined,
        username=None if email_field == user.USERNAME_FIELD or name is None else str(name),  # some hosts use numbers
        first_name=getattr(user, "first_name", None) or None,
        last_name=getattr(user, "last_name", None) or None,
        primary_email_address=getattr(user, email_field, None) or None,
        password_enabled=user.has_usable_password(),
        last_sign_in_at=user.last_login,
    )
