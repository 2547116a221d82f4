"""Which rows of client sessions ``manage.py sessions clean`` deletes, with their grants."""

from datetime import datetime
from functools import partial

from django.db.models import Q

from client_sessions.conf import settings
from client_sessions.models import ClientSession
from sessions_core.cleaning import Kind, register

__all__ = ["register_kinds"]


def register_kinds() -> None:
    register(
        Kind(
            name="client_sessions",
            model=ClientSession,
            retention=partial(settings.retention_of, "client_sessions"),
            due=_revoked_or_expired,
            among=lambda until: Q(created_at__lte=until),
            order=("created_at", "pk"),
        )
    )


def _revoked_or_expired(until: datetime) -> Q:
    return Q(revoked_at__lte=until) | Q(expires_at__lte=until)
