"""Signal receivers that delete grants and revoke tokens when the row they belong to is deleted."""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from client_sessions.models.grants import Grant
from client_sessions.models.personal_access_tokens import PersonalAccessToken
from client_sessions.models.session_grants import SessionGrants
from client_sessions.models.sessions import ClientSession
from client_sessions.resources import resource_deleted
from sessions_core.db.transactions import atomic, has_table
from sessions_core.host_models import user_models


@receiver(resource_deleted)
def forget(sender: Any, using: str, resource_type: str, resource_id: str, workspace_id: UUID | None, **_: Any) -> None:
    """Delete the grants of a deleted resource: a later row with the same key must not inherit them.

    Django sends the signal row by row. Two cascades that share sessions can therefore deadlock, and the database then
    aborts one of them. Before a large deletion, lock the sessions with ``ClientSession.objects.lock_for``.
    """
    if not has_table(using, Grant):
        return
    grants = Grant.objects.filter(resource_type=resource_type, resource_id=resource_id)
    if workspace_id is not None:
        grants = grants.filter(client_session__workspace_id=workspace_id)
    now = timezone.now()
    with atomic(savepoint=False):
        ClientSession.objects.lock_for(grants)
        for grant in grants.select_related("client_session"):
            with SessionGrants(
                grant.client_session, [grant], actor=f"deletion:{resource_type}", at=now
            ) as grants_of_session:
                grants_of_session.remove(resource_type, [resource_id])


def connect() -> None:
    """Connect the receivers to the user models and ClientSession. Call it in ``AppConfig.ready``."""
    for model in user_models():
        pre_delete.connect(revoke_tokens_of_deleted, sender=model)
    pre_delete.connect(record_deleted_session, sender=ClientSession)


def revoke_tokens_of_deleted(sender: type[Model], instance: Any, using: str, **_: Any) -> None:
    """Receive ``pre_delete`` of a user and record the revocation of their tokens in each workspace."""
    if has_table(using, PersonalAccessToken):
        tokens = PersonalAccessToken.objects.filter(user=instance.pk)
        tokens.revoke(actor="system:user_deleted", reason="user_deleted")


def record_deleted_session(sender: type[Model], instance: ClientSession, using: str, origin: Any, **_: Any) -> None:
    """Receive ``pre_delete`` of one session. ``ClientSessionQuerySet.delete`` does the same for many."""
    if origin is instance and has_table(using, ClientSession):
        ClientSession.objects.filter(pk=instance.pk)._record_deleted(actor="system:session_deleted")
