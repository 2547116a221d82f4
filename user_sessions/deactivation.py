"""Sign users out when they, their session or its client are deactivated or deleted."""

from contextlib import suppress
from typing import Any

from django.db.models import Model
from django.db.models.signals import post_save, pre_delete

from sessions_core.db.transactions import has_table
from sessions_core.host_models import user_models
from user_sessions.models import Client, Ticket, UserInactive, UserSession, admission
from user_sessions.models.voiding import USER_DEACTIVATED

__all__ = ["connect"]

BY = f"system:{USER_DEACTIVATED}"
BY_DELETION = "system:user_deleted"


def connect() -> None:
    """Connect the receivers to the user models. Called by ``AppConfig.ready``."""
    for model in user_models():
        post_save.connect(revoke_sessions_of_inactive, sender=model)
        pre_delete.connect(revoke_sessions_of_deleted, sender=model)
    pre_delete.connect(revoke_deleted_session, sender=UserSession)
    pre_delete.connect(revoke_sessions_of_deleted_client, sender=Client)


def revoke_sessions_of_inactive(
    sender: type[Model], instance: Any, created: bool, raw: bool, using: str, **_: Any
) -> None:
    """Receive ``post_save`` of a user. Skip new users, fixtures, and copies in other databases.

    ``QuerySet.update()`` sends no signal: ``user_sessions.models.voiding`` derives that those sessions are revoked, and
    they are live again when the users are reactivated.
    """
    if raw or created or instance.is_active or not has_table(using, UserSession):
        return
    UserSession.objects.filter(user=instance.pk).revoke(actor=BY, reason=USER_DEACTIVATED)
    Ticket.objects.filter(user=instance.pk).revoke(actor=BY)


def revoke_sessions_of_deleted(sender: type[Model], instance: Any, using: str, **_: Any) -> None:
    """Receive ``pre_delete`` of a user, so that events and webhooks report its sessions and tickets before their rows
    are deleted. The number of queries does not depend on the number of sessions."""
    if not has_table(using, UserSession):
        return
    with suppress(UserInactive):
        admission.lock(instance)  # lock the user before the sessions, as a sign-in does
    UserSession.objects.filter(user=instance.pk).revoke(actor=BY_DELETION, reason="user_deleted")
    Ticket.objects.filter(user=instance.pk).revoke(actor=BY_DELETION)


def revoke_deleted_session(sender: type[Model], instance: UserSession, using: str, origin: Any, **_: Any) -> None:
    """Receive ``pre_delete`` of one session. ``UserSessionQuerySet.delete`` revokes many."""
    if origin is instance and has_table(using, UserSession):
        UserSession.objects.filter(pk=instance.pk).revoke(actor="system:session_deleted", reason="session_deleted")


def revoke_sessions_of_deleted_client(sender: type[Model], instance: Client, using: str, origin: Any, **_: Any) -> None:
    """Receive ``pre_delete`` of one client. ``ClientQuerySet.delete`` revokes the sessions of many."""
    if origin is instance and has_table(using, UserSession):
        UserSession.objects.filter(client=instance.pk).revoke(actor="system:client_deleted", reason="client_deleted")
