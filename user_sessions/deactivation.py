"""Whoever may not sign in any more is signed out, everywhere and for good."""

from typing import Any

from django.contrib.auth import get_user_model

from user_sessions.models import Ticket, UserSession

__all__ = ["revoke_sessions_of_inactive"]

BY = "system:user_deactivated"


def revoke_sessions_of_inactive(sender: type, instance: Any, **_: Any) -> None:
    """Receives ``post_save``, and acts on that of the host's user model.

    An ``update()`` that deactivates many sends no signal. Their sessions mint no tokens either, but live again should
    the users be activated again.
    """
    if isinstance(instance, get_user_model()) and not instance.is_active:
        UserSession.objects.filter(user=instance.pk).revoke(by=BY, reason="the user was deactivated")
        Ticket.objects.filter(user=instance.pk).revoke(by=BY)
