"""The state of the reference server itself."""

from typing import Self

from django.db import models
from django.utils import timezone

__all__ = ["Deployment"]


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def sandboxes(self) -> Self:
        return self.filter(kind=Deployment.Kind.SANDBOX)


class Deployment(models.Model):
    """The kind of this database, in a single row. A sandbox can go live; a live server cannot become a sandbox."""

    ONLY = 1

    class Kind(models.TextChoices):
        SANDBOX = "sandbox"
        LIVE = "live"

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    kind = models.CharField(max_length=7, choices=Kind)
    since = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="sessions_project_one_deployment")]

    def __str__(self) -> str:
        return self.kind

    @classmethod
    def go_live(cls) -> None:
        """Mark the database as live. This cannot be undone."""
        _, is_new = cls.objects.get_or_create(pk=cls.ONLY, defaults={"kind": cls.Kind.LIVE})
        if not is_new:
            cls.objects.sandboxes().update(kind=cls.Kind.LIVE, since=timezone.now())
