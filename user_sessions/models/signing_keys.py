"""The signing keys of a workspace, and their rotation. The private half leaves this module as a key object only.

The clock moves a key through four stages: *next*, published but not signing yet, until every verifier has fetched it;
*active*, the one that signs; *retiring*, published while tokens of it may live; *gone*. The times are written down
ahead, so every process changes over at the same moment and needs no word of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Self

from django.db import models
from django.db.models import Max, Q

from sessions_core.crypto.sealing import SealedField, open_in, seal_for
from sessions_core.db.transactions import atomic
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from user_sessions.conf import settings
from user_sessions.keys.key_pairs import KeyPair, PrivateKey, new_key_pair, parse
from user_sessions.models.policies import SigningAlgorithm, UserSessionPolicy

__all__ = ["SigningKey", "Stage", "private_key"]

# For how many times JWKS_MAX_AGE a key is published before it signs: once for verifiers, once for caches between.
PUBLICATION = 2

# No verifier of ours asks more often than this, whatever JWKS_MAX_AGE says.
SHORTEST_MAX_AGE = timedelta(seconds=10)

# For how long a process may serve a key set that it read before: long enough to spare the database under load.
KEPT_FOR = timedelta(milliseconds=250)

# How long after the last token of a key has expired its public half stays, for verifiers whose clock is behind.
SKEW = timedelta(minutes=5)

FIRST_USE = "system:first_use"


class Stage(models.TextChoices):
    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def signing(self, *, at: datetime) -> Self:
        """Those that may sign at this moment; the first of a workspace is its active one."""
        at = moment(at)
        return self.published(at=at).filter(active_from__lte=at).order_by("-active_from", "kid")

    def published(self, *, at: datetime) -> Self:
        """Those that verifiers should know: next, active and retiring."""
        return self.filter(Q(published_until=None) | Q(published_until__gt=moment(at)), revoked_at=None)

    def active(self, workspace: Workspace, *, at: datetime) -> "SigningKey | None":
        return self.filter(workspace=workspace).signing(at=at).first()

    def current(self, workspace: Workspace, *, actor: str = FIRST_USE, at: datetime | None = None) -> "SigningKey":
        """The workspace's active key, made the first time anybody asks."""
        at = moment(at)
        if key := self.active(workspace, at=at):
            return key
        pair = new_key_pair(
            UserSessionPolicy.of(workspace).signing_algorithm
        )  # takes a while, so before the transaction
        with self._changing(workspace):
            # Somebody who asked a moment later may have been first.
            made = self._first(workspace, at=at)
            return made or self._keep(pair, workspace, active_from=at, actor=actor, at=at)

    def rotate(
        self, workspace: Workspace, *, actor: str, algorithm: str | None = None, at: datetime | None = None
    ) -> "SigningKey":
        """Publish the next key, which signs as soon as every verifier can know it; if one is next already, that one.

        ``algorithm`` is that of this key and of later ones, the workspace's if none is given.
        """
        self.current(workspace, actor=actor, at=at)
        policy = UserSessionPolicy.of(workspace)
        pair = new_key_pair(algorithm or policy.signing_algorithm)  # takes a while, so before the transaction
        with self._changing(workspace):
            at = moment(at)
            active = self._first(workspace, at=at)
            assert active is not None  # there was one, and keys never run out
            if following := self._following(active, at=at):
                return following
            if algorithm is not None:
                policy.signing_algorithm = algorithm
                policy.save()
            return active._hand_over(pair, actor=actor, at=at)

    def _first(self, workspace: Workspace, *, at: datetime) -> "SigningKey | None":
        """The active key or, where our clock is behind that of whoever made the only one, that one."""
        published = self.filter(workspace=workspace).published(at=at)
        return self.active(workspace, at=at) or published.order_by("active_from").first()

    @contextmanager
    def _changing(self, workspace: Workspace) -> Iterator[None]:
        """Changes of a workspace's keys come one after the other."""
        with atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            yield

    def _following(self, key: "SigningKey", *, at: datetime) -> "SigningKey | None":
        return self.published(at=at).filter(workspace=key.workspace_id, active_from__gt=key.active_from).first()

    def _keep(
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

    kid = models.CharField(primary_key=True, max_length=43, editable=False, help_text="RFC 7638 thumbprint.")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="user_sessions_signing_keys")
    algorithm = models.CharField(max_length=5, choices=SigningAlgorithm, editable=False)
    public_jwk = models.JSONField(editable=False)
    sealed_private_key = SealedField()
    created_at = models.DateTimeField(editable=False)
    active_from = models.DateTimeField(editable=False)
    published_until = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-active_from", "kid")
        indexes = [models.Index(fields=["workspace", "active_from", "kid"], name="user_sessions_key_page")]
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
        """Where in its life it is; asks for the keys after it."""
        at = moment(at)
        if self.revoked_at is not None or (self.published_until is not None and self.published_until <= at):
            return Stage.GONE
        if self.active_from > at:
            return Stage.NEXT
        return Stage.ACTIVE if SigningKey.objects.active(self.workspace, at=at) == self else Stage.RETIRING

    def retire(self, *, actor: str, at: datetime | None = None) -> bool:
        """Let another key sign instead, without a gap: the successor of an active key is published first, and a key
        that is next never signs. Whether there was anything to do."""
        return self._step_down(actor=actor, at=at, revoked=False)

    def revoke(self, *, actor: str, at: datetime | None = None) -> bool:
        """For a key that leaked: neither signed with nor published from now on, whatever still lives; its successor
        signs at once. Whether that was news."""
        return self._step_down(actor=actor, at=at, revoked=True)

    def _record(self, happened: str, *, actor: str, at: datetime) -> None:
        Event.objects.record(
            f"signing_key.{happened}", subject=self.kid, workspace_id=self.workspace_id, actor=actor, at=at
        )

    def _step_down(self, *, actor: str, at: datetime | None, revoked: bool) -> bool:
        keys = SigningKey.objects.filter(workspace=self.workspace_id)
        pair = new_key_pair(
            UserSessionPolicy.of(self.workspace).signing_algorithm
        )  # in case it is needed: not while others wait
        with keys._changing(self.workspace):
            at = moment(at)
            self.refresh_from_db()
            stage, following = self.stage_at(at), keys._following(self, at=at)
            is_leaving = stage == Stage.RETIRING or (stage == Stage.ACTIVE and following is not None)
            if stage == Stage.GONE or (is_leaving and not revoked):
                return False
            if revoked:
                keys.filter(pk=self.pk).update(revoked_at=at)
            if stage == Stage.NEXT:
                keys.filter(pk=self.pk).update(published_until=at)
                # The active one has no successor again.
                keys.filter(pk=keys.signing(at=at).values("pk")[:1]).update(published_until=None)
            elif stage == Stage.ACTIVE and not revoked:
                self._hand_over(pair, actor=actor, at=at)
            elif stage == Stage.ACTIVE and following:
                keys.filter(pk=following.pk).update(active_from=at)
            elif stage == Stage.ACTIVE:
                keys._keep(pair, self.workspace, active_from=at, actor=actor, at=at)
            self._record("revoked" if revoked else "retired", actor=actor, at=at)
            self.refresh_from_db()
        return True

    def _hand_over(self, pair: KeyPair, *, actor: str, at: datetime) -> "SigningKey":
        """Publish another key, which signs in place of this one as soon as every verifier can know it."""
        active_from = at + PUBLICATION * max(settings.jwks_max_age, SHORTEST_MAX_AGE) + KEPT_FOR
        last_token = _last_token_of(self.workspace, active_from)
        keys = SigningKey.objects.filter(workspace=self.workspace_id)
        keys.filter(pk=self.pk).update(published_until=last_token + SKEW)
        return keys._keep(pair, self.workspace, active_from=active_from, actor=actor, at=at)


# A kid is the fingerprint of its key, so what is kept here never goes stale.
@lru_cache(maxsize=256)
def private_key(kid: str) -> tuple[PrivateKey, str]:
    """The parsed key and its algorithm, read and opened once in a process. Raises CannotOpen."""
    key = SigningKey.objects.get(kid=kid)
    return parse(open_in(key, key.sealed_private_key)), key.algorithm


def _last_token_of(workspace: Workspace, last_use: datetime) -> datetime:
    """When the last token expires that a key signs until ``last_use``: none outlives the session it was minted for.

    Tickets may; only we read them, and with any key that was not revoked.
    """
    policy = UserSessionPolicy.of(workspace)
    lifetimes = (policy.lifetime, policy.idle_lifetime)
    begun_until_then = last_use + max(lifetime for lifetime in lifetimes if lifetime)
    begun: datetime | None = workspace.user_sessions.aggregate(last=Max("expire_at"))["last"]
    return max(begun_until_then, begun or begun_until_then)
