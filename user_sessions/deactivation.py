"""Whoever may not sign in any more is signed out, everywhere and for good."""

from typing import Any

from user_sessions.models import UserSession

__all__ = ["revoke_sessions_of_inactive"]


def revoke_sessions_of_inactive(sender: type, instance: Any, **_: Any) -> None:
    """Receives ``post_save`` of the host's user model.

    An ``update()`` that deactivates many sends no signal. Their sessions mint no tokens either, but live again should
    the users be activated again.
    """
    if not instance.is_active:
        UserSession.objects.filter(user=instance).revoke(
            by="system:user_deactivated", reason="the user was deactivated"
        )
