"""The grant: one row for each resource, never a list that two writers overwrite."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.db import models, transaction
from django.db.models import Q
from django.dispatch import receiver

from client_sessions.resources import LONGEST_ID, resource_deleted
from sessions_core.models import Event

# A session is one person's, of one customer.
SINGLE = ("user_identity", "customer")


class Action(models.TextChoices):
    """What may be done with what a grant reaches."""

    READ = "read"
    CONTROL = "control"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How far a grant goes: which actions it allows, and until when. Seam's grants are all the default."""

    actions: Collection[Action] = tuple(Action)
    until: datetime | None = None

    def __post_init__(self) -> None:
        if not self.actions:
            raise ValueError("A grant that allows nothing is none")
        # In one order, so that equal terms are equal.
        object.__setattr__(self, "actions", tuple(action for action in Action if action in self.actions))

    @property
    def columns(self) -> dict[str, Any]:
        """The same as fields of a grant."""
        return {f"allows_{action}": action in self.actions for action in Action} | {"expires_at": self.until}


# What a grant gives unless it says otherwise.
ALL = Terms()


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self, *, at: datetime) -> Self:
        """Those that time has not ended."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at))

    def over(self, *, at: datetime) -> Self:
        return self.filter(expires_at__lte=at)

    def allowing(self, action: Action) -> Self:
        return self.filter(**{f"allows_{action}": True})


class Grant(models.Model):
    """One resource a client session may reach."""

    client_session = models.ForeignKey("client_sessions.ClientSession", on_delete=models.CASCADE, related_name="grants")
    resource_type = models.CharField(max_length=60)
    resource_id = models.CharField(max_length=LONGEST_ID, help_text="As client_sessions.resources stores it.")
    created_at = models.DateTimeField()
    allows_read = models.BooleanField(default=True)
    allows_control = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: as long as the session.")

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(allows_read=True) | Q(allows_control=True), name="a_grant_allows_something"
            ),
            models.UniqueConstraint(
                fields=["client_session", "resource_type", "resource_id"], name="a_resource_is_granted_once"
            ),
            models.UniqueConstraint(
                fields=["client_session", "resource_type"],
                condition=Q(resource_type__in=SINGLE),
                name="one_identity_and_one_customer",
            ),
        ]
        indexes = [models.Index(fields=["resource_type", "resource_id"], name="grants_of_a_resource")]

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_id}"

    @property
    def terms(self) -> Terms:
        allowed = [action for action in Action if getattr(self, f"allows_{action}")]
        return Terms(actions=allowed, until=self.expires_at)

    def widen(self, terms: Terms) -> bool:
        """Allow what ``terms`` allow too, here only and not in the database; whether that was news."""
        before = self.terms
        for action in terms.actions:
            setattr(self, f"allows_{action}", True)
        if self.expires_at is not None:
            self.expires_at = max(self.expires_at, terms.until) if terms.until else None
        return self.terms != before


@receiver(resource_deleted)
def forget(sender: Any, resource_type: str, resource_id: str, **_: Any) -> None:
    """Take a deleted resource out of every session: a later row with the same key must not inherit its grants."""
    grants = Grant.objects.filter(resource_type=resource_type, resource_id=resource_id)
    with transaction.atomic():
        workspaces = set(grants.values_list("client_session__workspace_id", flat=True))
        grants.delete()
        for workspace_id in workspaces:
            Event.objects.record(
                "resource.deleted",
                subject=resource_type,
                workspace_id=workspace_id,
                by="client_sessions",
                resource_id=resource_id,
            )
