"""Whoever may not sign in any more is signed out, everywhere and for good."""

from typing import Any

from django.contrib.auth import get_user_model

from user_sessions.models import Ticket, UserSession
from user_sessions.models.voiding import USER_DEACTIVATED

__all__ = ["revoke_sessions_of_inactive"]

BY = f"system:{USER_DEACTIVATED}"


def revoke_sessions_of_inactive(sender: type, instance: Any, **_: Any) -> None:
    """Receives ``post_save``, and acts on that of the host's user model.

    An ``update()`` sends no signal. ``user_sessions.models.voiding`` derives that those sessions are revoked, and they
    live again if the users are activated again.
    """
    if isinstance(instance, get_user_model()) and not instance.is_active:
        UserSession.objects.filter(user=instance.pk).revoke(by=BY, reason=USER_DEACTIVATED)
        Ticket.objects.filter(user=instance.pk).revoke(by=BY)
