"""The personal access tokens of a user, for the page where users see what was given out in their name."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from client_sessions.models import PersonalAccessToken
from sessions_core.passes import Pass, register

__all__ = ["connect"]

# Tokens on the page: the newest ones.
MOST = 100


def connect() -> None:
    """Register the tokens. Called by ``AppConfig.ready``."""
    register(
        "personal_access_token",
        of_user,
        label=_("personal access token"),
        permission="client_sessions.view_personalaccesstoken",
    )


def of_user(user: Any) -> Iterable[Pass]:
    tokens = PersonalAccessToken.objects.usable().filter(user=user.pk).order_by("-created_at", "id")
    for token in tokens[:MOST]:
        yield Pass(
            kind="personal_access_token",
            id=token.short,
            name=token.name,
            created_at=token.created_at,
            revoke=token.revoke,
        )
