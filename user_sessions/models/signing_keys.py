"""The signing keys of a workspace, and their rotation. A private key leaves this module only as a key object.

A key passes through four stages: *next*, published but not signing until every verifier has fetched it; *active*, the
one that signs; *retiring*, published while its tokens may be valid; *gone*. The times are stored in advance, so every
process switches at the same moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Self

from django.db import models
from django.db.models import Max, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.crypto.sealing import SealedField, open_in, seal_for
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from user_sessions.conf import settings
from user_sessions.keys.key_pairs import KeyPair, PrivateKey, new_key_pair, parse
from user_sessions.models.policies import SigningAlgorithm, UserSessionPolicy

__all__ = ["SigningKey", "Stage", "private_key"]

# A key is published for this many times JWKS_MAX_AGE before it signs: once for verifiers, once for HTTP caches.
PUBLICATION = 2

# Our own verifiers fetch at most this often, even with a shorter JWKS_MAX_AGE.
SHORTEST_MAX_AGE = timedelta(seconds=10)

# How long a process caches a key set: long enough to reduce database queries under load.
CACHE_LIFETIME = timedelta(milliseconds=250)

# How long a key stays published after its last token expires, for verifiers with a slow clock.
SKEW = timedelta(minutes=5)

FIRST_USE = "system:first_use"


class Stage(models.TextChoices):
    NEXT = "next", pgettext_lazy("signing key", "Next")
    ACTIVE = "active", pgettext_lazy("signing key", "Active")
    RETIRING = "retiring", pgettext_lazy("signing key", "Retiring")
    GONE = "gone", pgettext_lazy("signing key", "Gone")


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def signing(self, *, at: datetime) -> Self:
        """Return the keys that may sign at this moment. The first one of a workspace is its active key."""
        at = moment(at)
        return self.published(at=at).filter(active_from__lte=at).order_by("-active_from", "kid")

    def published(self, *, at: datetime) -> Self:
        """Return the keys that verifiers need: next, active and retiring."""
        return self.filter(Q(published_until=None) | Q(published_until__gt=moment(at)), revoked_at=None)

    def active(self, workspace: Workspace, *, at: datetime) -> "SigningKey | None":
        return self.filter(workspace=workspace).signing(at=at).first()

    def current(self, workspace: Workspace, *, actor: str = FIRST_USE, at: datetime | None = None) -> "SigningKey":
        """Return the workspace's active key. Create the first one on demand."""
        at = moment(at)
        if key := self.active(workspace, at=at):
            return key
        # Generating takes long, so do it before the transaction.
        pair = new_key_pair(UserSessionPolicy.of(workspace).signing_algorithm)
        with self._locked(workspace):
            # A concurrent request may have created the key in the meantime.
            key = self._first(workspace, at=at)
            return key or self._store(pair, workspace, active_from=at, actor=actor, at=at)

    def rotate(
        self, workspace: Workspace, *, actor: str, algorithm: str | None = None, at: datetime | None = None
    ) -> "SigningKey":
        """Publish the next key, which signs once every verifier can have fetched it.

        While a key is pending, return that one. ``algorithm`` applies to this key and later ones; the default is the
        workspace's.
        """
        self.current(workspace, actor=actor, at=at)
        policy = UserSessionPolicy.of(workspace)
        pair = new_key_pair(algorithm or policy.signing_algorithm)  # before the transaction, because it takes long
        with self._locked(workspace):
            at = moment(at)
            active = self._first(workspace, at=at)
            assert active is not None  # ``current`` above created one
            if following := self._following(active, at=at):
                return following
            if algorithm is not None:
                changed = {"signing_algorithm": algorithm}  # only this: the policy was read before the lock
                UserSessionPolicy.objects.update_or_create(workspace=workspace, defaults=changed)
                policy.signing_algorithm = algorithm
            return active._publish_successor(pair, actor=actor, at=at)

    def _first(self, workspace: Workspace, *, at: datetime) -> "SigningKey | None":
        """Return the active key, or the only key if it starts in the future by this server's slow clock."""
        published = self.filter(workspace=workspace).published(at=at)
        return self.active(workspace, at=at) or published.order_by("active_from").first()

    @contextmanager
    def _locked(self, workspace: Workspace) -> Iterator[None]:
        """Serialise changes of a workspace's keys."""
        with atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            yield

    def _following(self, key: "SigningKey", *, at: datetime) -> "SigningKey | None":
        return self.published(at=at).filter(workspace=key.workspace_id, active_from__gt=key.active_from).first()

    def _store(
        self, pair: KeyPair, workspace: Workspace, *, active_from: datetime, actor: str, at: datetime
    ) -> "SigningKey":
        key = SigningKey(
            kid=pair.kid,
            workspace=workspace,
            algorithm=pair.public_jwk["alg"],
            public_jwk=pair.public_jwk,
            created_at=at,
            active_from=active_from,
        )
        key.sealed_private_key = seal_for(key, pair.private)
        key.save(force_insert=True)
        key._record("created", actor=actor, at=at)
        return key


class SigningKey(models.Model):
    """A key pair that signs the tokens of a workspace from ``active_from`` until a later key does."""

    kid = models.CharField(
        _("key ID"), primary_key=True, max_length=43, editable=False, help_text=_("RFC 7638 thumbprint.")
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="user_sessions_signing_keys", verbose_name=WORKSPACE
    )
    algorithm = models.CharField(max_length=5, choices=SigningAlgorithm, editable=False)
    public_jwk = models.JSONField(_("public JWK"), editable=False)
    sealed_private_key = SealedField()
    created_at = models.DateTimeField(_("created at"), editable=False)
    active_from = models.DateTimeField(_("active from"), editable=False)
    published_until = models.DateTimeField(_("published until"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        ordering = ("-active_from", "kid")
        permissions = [  # of operators in the console
            ("rotate_signingkey", "Can rotate signing key"),
            ("revoke_signingkey", "Can revoke signing key"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-active_from", "kid"], name="user_sessions_key_page"),
            # The dashboard counts keys that are due for rotation.
            models.Index(
                fields=["active_from"],
                condition=Q(published_until=None, revoked_at=None),
                name="user_sessions_key_unrotated",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(published_until=None, revoked_at=None),
                name="user_sessions_one_signing_key_without_successor",
            )
        ]

    def __str__(self) -> str:
        return self.kid

    def stage_at(self, at: datetime) -> Stage:
        """Return the stage at this moment. It may query later keys."""
        at = moment(at)
        if self.revoked_at is not None or (self.published_until is not None and self.published_until <= at):
            return Stage.GONE
        if self.active_from > at:
            return Stage.NEXT
        return Stage.ACTIVE if SigningKey.objects.active(self.workspace, at=at) == self else Stage.RETIRING

    def retire(self, *, actor: str, at: datetime | None = None) -> bool:
        """Replace the key without a gap. Return True if anything changed.

        The successor of an active key is published first; a pending key never signs.
        """
        return self._withdraw(actor=actor, at=at, revoked=False)

    def revoke(self, *, actor: str, at: datetime | None = None) -> bool:
        """Withdraw a leaked key: it no longer signs and leaves the key set, and its successor signs at once.

        Return True if the key was not already revoked.
        """
        return self._withdraw(actor=actor, at=at, revoked=True)

    def _record(self, happened: str, *, actor: str, at: datetime) -> None:
        Event.objects.record(
            f"signing_key.{happened}", subject=self.kid, workspace_id=self.workspace_id, actor=actor, at=at
        )

    def _withdraw(self, *, actor: str, at: datetime | None, revoked: bool) -> bool:
        keys = SigningKey.objects.filter(workspace=self.workspace_id)
        # It may not be needed, but generating it under the lock would block others.
        pair = new_key_pair(UserSessionPolicy.of(self.workspace).signing_algorithm)
        with keys._locked(self.workspace):
            at = moment(at)
            self.refresh_from_db()
            stage, following = self.stage_at(at), keys._following(self, at=at)
            is_replaced = stage == Stage.RETIRING or (stage == Stage.ACTIVE and following is not None)
            if stage == Stage.GONE or (is_replaced and not revoked):
                return False
            if revoked:
                keys.filter(pk=self.pk).update(revoked_at=at)
            if stage == Stage.NEXT:
                keys.filter(pk=self.pk).update(published_until=at)
                # The active key no longer has a successor.
                keys.filter(pk=keys.signing(at=at).values("pk")[:1]).update(published_until=None)
            elif stage == Stage.ACTIVE and not revoked:
                self._publish_successor(pair, actor=actor, at=at)
            elif stage == Stage.ACTIVE and following:
                keys.filter(pk=following.pk).update(active_from=at)
            elif stage == Stage.ACTIVE:
                keys._store(pair, self.workspace, active_from=at, actor=actor, at=at)
            self._record("revoked" if revoked else "retired", actor=actor, at=at)
            self.refresh_from_db()
        return True

    def succession(self, *, at: datetime) -> tuple[datetime, datetime]:
        """Return when a successor signs that is published at this time, and until when this key stays published.

        The successor signs once every verifier can have fetched it. This key is published for ``SKEW`` after the last
        token that it signs until then has expired.
        """
        active_from = moment(at) + PUBLICATION * max(settings.jwks_max_age, SHORTEST_MAX_AGE) + CACHE_LIFETIME
        return active_from, _last_token_of(self.workspace, active_from) + SKEW

    def _publish_successor(self, pair: KeyPair, *, actor: str, at: datetime) -> "SigningKey":
        active_from, published_until = self.succession(at=at)
        keys = SigningKey.objects.filter(workspace=self.workspace_id)
        keys.filter(pk=self.pk).update(published_until=published_until)
        return keys._store(pair, self.workspace, active_from=active_from, actor=actor, at=at)


# A kid is the fingerprint of its key, so a cached entry never becomes stale.
@lru_cache(maxsize=256)
def private_key(kid: str) -> tuple[PrivateKey, str]:
    """Return the parsed key and its algorithm, decrypted once for each process. Raise CannotOpen."""
    key = SigningKey.objects.get(kid=kid)
    return parse(open_in(key, key.sealed_private_key)), key.algorithm


def _last_token_of(workspace: Workspace, last_use: datetime) -> datetime:
    """Return when the last token that a key signs until ``last_use`` expires. No token outlives its session.

    A ticket can outlive it, but only this server reads tickets, with any key that is not revoked.
    """
    policy = UserSessionPolicy.of(workspace)
    lifetimes = (policy.lifetime, policy.idle_lifetime)
    latest_end = last_use + max(lifetime for lifetime in lifetimes if lifetime)
    begun: datetime | None = workspace.user_sessions.aggregate(last=Max("expire_at"))["last"]
    return max(latest_end, begun or latest_end)
