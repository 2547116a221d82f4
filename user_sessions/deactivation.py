"""Sign users out when they are deactivated."""

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_save

from sessions_core.host_models import user_models
from sessions_core.transactions import has_table
from user_sessions.models import Ticket, UserSession

__all__ = ["connect"]

BY = "system:user_deactivated"


def connect() -> None:
    """Connect the receivers to the models of users. For ``AppConfig.ready``."""
    for model in user_models():
        post_save.connect(revoke_sessions_of_inactive, sender=model)


def revoke_sessions_of_inactive(
    sender: type[Model], instance: Any, created: bool, raw: bool, using: str, **_: Any
) -> None:
    """Receive ``post_save`` of a user. Skip new users, fixtures, and copies in other databases.

    ``update()`` sends no signal. The sessions of a user deactivated that way mint no tokens, but are live again if the
    user is activated again.
    """
    if raw or created or instance.is_active or not has_table(using, UserSession):
        return
    UserSession.objects.filter(user=instance.pk).revoke(by=BY, reason="the user was deactivated")
    Ticket.objects.filter(user=instance.pk).revoke(by=BY)
