"""Profiles for the users of the conformance cases, as a host's own function would tell them:
``USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.profile_of"}``."""

from typing import Any

from user_sessions.profiles import UserProfile, default_profile

__all__ = ["profile_of", "verbose_profile"]


def profile_of(user: Any) -> UserProfile:
    """``u1`` has names, a verified address and metadata, ``u2`` has none of it; of others it is what Django knows."""
    if user.username == "u1":
        return UserProfile(
            created_at=user.date_joined,
            updated_at=user.date_joined,
            first_name="Maria",
            last_name="Doe",
            primary_email_address="maria@example.com",
            email_verified=True,
            password_enabled=True,
            public_metadata={"profile": {"interests": ["reading", "climbing"]}, "age": 0},
            unsafe_metadata={"foo": {"bar": 42}},
        )
    if user.username == "u2":
        return UserProfile(created_at=user.date_joined, updated_at=user.date_joined)
    return default_profile(user)


def verbose_profile(user: Any) -> UserProfile:
    """One who has more to say than fits into a token."""
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined, public_metadata={"x": "y" * 70_000})
