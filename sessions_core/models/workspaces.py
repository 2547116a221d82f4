"""The tenant, and the web pages that may call it."""

import re
import uuid
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

__all__ = ["AllowedOrigin", "Workspace", "is_origin"]


# RFC 6454, section 6.1, as browsers send it: no port that the scheme implies.
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_IMPLIED_PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65535


def is_origin(value: str) -> None:
    """Refuse what no browser calls an origin: it would never match."""
    found = _ORIGIN.fullmatch(value)
    port = int(found[2] or 0) if found else 0
    if not found or port > _LAST_PORT or port == _IMPLIED_PORTS[found[1]]:
        raise ValidationError(
            "An origin is written as browsers do, such as https://app.example.com: in lower case, and with a port only "
            "if it is an unusual one.",
            code="no_origin",
        )


class Workspace(models.Model):
    """One tenant. Each app keeps its policy for the workspace in a row of its own; see ``Policy``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    is_sandbox = models.BooleanField(
        default=False, help_text="A sandbox allows what makes trying things out easy; a live workspace asks first."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager["Workspace"]] = models.Manager()

    class Meta:
        ordering = ("name", "id")
        indexes = [models.Index(fields=["name", "id"], name="sessions_core_workspace_name")]

    def __str__(self) -> str:
        return self.name


class AllowedOrigin(models.Model):
    """An origin whose pages may read the workspace's answers, compared as browsers write it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="allowed_origins")
    origin = models.CharField(
        max_length=200,
        validators=[is_origin],
        help_text="Such as https://app.example.com; no path, and no port unless it is an unusual one.",
    )

    class Meta:
        ordering = ("origin",)
        constraints = [
            models.UniqueConstraint(fields=["origin", "workspace"], name="sessions_core_an_origin_is_listed_once")
        ]

    def __str__(self) -> str:
        return self.origin
