"""The signing key of a workspace. The private half is encrypted, and leaves this module as a key object only."""

from functools import lru_cache
from typing import Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from sessions_core.encryption import CannotOpen, open_sealed, seal
from sessions_core.models import Event, Workspace
from user_sessions.key_pairs import ALGORITHM, KeyPair, new_key_pair, parse

__all__ = ["SigningKey", "private_key"]


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def active(self) -> Self:
        """Those that sign: one in a workspace."""
        return self.filter(retired_at=None)

    def current(self, workspace: Workspace, *, by: str = "system:first_use") -> "SigningKey":
        """The workspace's active key, made the first time anybody asks."""
        key = self.active().filter(workspace=workspace).first()
        if key is not None:
            return key
        pair = new_key_pair()  # takes a while, so before the transaction
        try:
            return self._keep(pair, workspace, by=by)
        except IntegrityError:  # somebody else asked first, too
            return self.active().get(workspace=workspace)

    @transaction.atomic
    def _keep(self, pair: KeyPair, workspace: Workspace, *, by: str) -> "SigningKey":
        key = self.create(
            kid=pair.kid,
            workspace=workspace,
            public_jwk=pair.public_jwk,
            sealed_private_key=seal(pair.private, place=f"{workspace.pk}|{pair.kid}"),
        )
        Event.objects.record("signing_key.created", subject=pair.kid, workspace_id=workspace.pk, by=by)
        return key


class SigningKey(models.Model):
    """A key pair that signs the workspace's session tokens."""

    kid = models.CharField(primary_key=True, max_length=43, editable=False, help_text="RFC 7638 thumbprint.")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="signing_keys")
    algorithm = models.CharField(max_length=10, default=ALGORITHM, editable=False)
    public_jwk = models.JSONField(editable=False)
    sealed_private_key = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(fields=["workspace"], condition=Q(retired_at=None), name="one_active_signing_key")
        ]

    def __str__(self) -> str:
        return self.kid

    def can_be_opened(self) -> bool:
        """Whether the encryption keys at hand fit."""
        try:
            self._private()
        except CannotOpen:
            return False
        return True

    def _private(self) -> bytes:
        return open_sealed(bytes(self.sealed_private_key), place=f"{self.workspace_id}|{self.kid}")


# A kid is the fingerprint of its key, so what is kept here never goes stale.
@lru_cache(maxsize=256)
def private_key(kid: str) -> RSAPrivateKey:
    """The parsed key, read and opened once in a process. Raises CannotOpen."""
    return parse(SigningKey.objects.get(kid=kid)._private())
