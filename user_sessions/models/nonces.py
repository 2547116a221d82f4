"""Nonces that were used: each works once."""

from datetime import datetime

from django.db import IntegrityError, models

from sessions_core.db.transactions import atomic
from sessions_core.moments import moment
from user_sessions.exceptions import NonceSpent

__all__ = ["SpentNonce"]


class SpentNonceQuerySet(models.QuerySet["SpentNonce"]):
    @atomic()
    def spend(self, id: str, *, expire_at: datetime, at: datetime) -> None:
        """Record a nonce as used. Of concurrent calls one succeeds; the others raise NonceSpent.

        Expired rows are deleted: the expiry itself refuses those nonces.
        """
        self.filter(expire_at__lte=moment(at)).delete()
        try:
            with atomic():
                self.create(id=id, expire_at=expire_at)
        except IntegrityError as spent:
            raise NonceSpent from spent


class SpentNonce(models.Model):
    id = models.CharField(primary_key=True, max_length=40, editable=False)
    expire_at = models.DateTimeField(db_index=True, editable=False)

    objects = SpentNonceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.pk
