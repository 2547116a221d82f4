"""The client: one browser or app installation, which may hold several user sessions."""

from datetime import datetime

from django.db import models

from sessions_core.models import Workspace
from user_sessions.ids import new_id

__all__ = ["Client"]


class ClientQuerySet(models.QuerySet["Client"]):
    def begin(self, workspace: Workspace, *, at: datetime) -> "Client":
        return self.create(id=new_id("client", at=at), workspace=workspace, created_at=at, updated_at=at)


class Client(models.Model):
    id = models.CharField(primary_key=True, max_length=40, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="clients")
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = ClientQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="client_page")]

    def __str__(self) -> str:
        return self.pk
