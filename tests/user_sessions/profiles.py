"""Profiles of the test users, as a function of a host would return them:
``USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.profile_of"}``."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from sessions_core.models import Workspace
from user_sessions.profiles import UserProfile, default_profile

__all__ = [
    "odd_profile",
    "profile_of",
    "profile_with_phone",
    "talkative_jane",
    "talkative_profile",
    "users_of",
    "verbose_profile",
]


def profile_of(user: Any) -> UserProfile:
    """Return a full profile for ``u1``, an empty one for ``u2``, and the default for others."""
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


def profile_with_phone(user: Any) -> UserProfile:
    """Return the same profile with a phone number."""
    return replace(profile_of(user), primary_phone_number="+15555550100")


def verbose_profile(user: Any) -> UserProfile:
    """Return a profile too large for any token."""
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined, public_metadata={"x": "y" * 70_000})


def talkative_profile(user: Any) -> UserProfile:
    """Return a profile too large for a session token."""
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined, public_metadata={"x": "y" * 20_000})


def talkative_jane(user: Any) -> UserProfile:
    """Return a profile too large for a session token, for ``jane_doe`` only."""
    return talkative_profile(user) if user.username == "jane_doe" else profile_of(user)


def odd_profile(user: Any) -> UserProfile:
    """Return a profile with metadata that are not JSON."""
    odd: dict[Any, Any] = {"at": datetime(2026, 1, 1), "nan": float("nan"), ("a", 1): "b"}
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined, private_metadata=odd)


def users_of(workspace: Workspace) -> Any:
    """Return ``u1`` for the workspace Here, and all other users for other workspaces."""
    is_here = workspace.name == "Here"
    users = get_user_model().objects
    return users.filter(username="u1") if is_here else users.exclude(username="u1")
