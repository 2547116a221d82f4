"""Profiles for the users of the tests, as a host's own function would tell them:
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


def profile_with_phone(user: Any) -> UserProfile:
    """The same with a phone number."""
    return replace(profile_of(user), primary_phone_number="+15555550100")


def verbose_profile(user: Any) -> UserProfile:
    """One who has more to say than fits into any token."""
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined, public_metadata={"x": "y" * 70_000})


def talkative_profile(user: Any) -> UserProfile:
    """One who has more to say than fits into a session token."""
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined, public_metadata={"x": "y" * 20_000})


def talkative_jane(user: Any) -> UserProfile:
    """Only ``jane_doe`` has more to say than that."""
    return talkative_profile(user) if user.username == "jane_doe" else profile_of(user)


def odd_profile(user: Any) -> UserProfile:
    """One whose metadata a careless host filled."""
    odd: dict[Any, Any] = {"at": datetime(2026, 1, 1), "nan": float("nan"), ("a", 1): "b"}
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined, private_metadata=odd)


def users_of(workspace: Workspace) -> Any:
    """``u1`` is a user of the workspace Here, everybody else of all others."""
    is_here = workspace.name == "Here"
    users = get_user_model().objects
    return users.filter(username="u1") if is_here else users.exclude(username="u1")
