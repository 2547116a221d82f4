"""The states of a user session. What somebody did is stored; what the clock did is worked out."""

from django.db import models

__all__ = ["OPEN", "Status"]


class Status(models.TextChoices):
    # Stored
    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"
    REVOKED = "revoked"
    REMOVED = "removed"
    REPLACED = "replaced"
    # Derived from expire_at and abandon_at
    EXPIRED = "expired"
    ABANDONED = "abandoned"


# States that a session can be in while nobody has closed it.
OPEN = (Status.PENDING, Status.ACTIVE)
CLOSED = (Status.ENDED, Status.REVOKED, Status.REMOVED, Status.REPLACED)
