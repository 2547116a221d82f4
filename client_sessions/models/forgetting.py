"""What becomes of grants when the row they are about is deleted."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from client_sessions.models.grants import Grant
from client_sessions.models.sessions import ClientSession
from client_sessions.resources import resource_deleted


@receiver(resource_deleted)
def forget(sender: Any, resource_type: str, resource_id: str, workspace_id: UUID | None, **_: Any) -> None:
    """Take a deleted resource out of every session: a later row with the same key must not inherit its grants."""
    grants = Grant.objects.filter(resource_type=resource_type, resource_id=resource_id)
    if workspace_id is not None:
        grants = grants.filter(client_session__workspace_id=workspace_id)
    now = timezone.now()
    with transaction.atomic():
        # Whoever changes a session's grants has locked the session; in one order, so that two of us never meet.
        holders = ClientSession.objects.select_for_update(no_key=True).filter(pk__in=grants.values("client_session"))
        for session in holders.order_by("pk"):
            session.take_away(
                resource_type, grants.filter(client_session=session), by=f"deletion:{resource_type}", at=now
            )
