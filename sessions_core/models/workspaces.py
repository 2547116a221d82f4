"""Workspaces (tenants), and the origins that may call them from a browser."""

import re
import uuid
from functools import cache
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Case, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.conf import settings
from sessions_core.db.compiled import CompiledQuery
from sessions_core.labels import WORKSPACE

__all__ = ["AllowedOrigin", "NoDefaultWorkspace", "Workspace", "is_loopback", "is_origin"]

# The workspace that a project of one tenant gets by itself. Two processes that create it at once create one row.
_MADE_BY_ITSELF = uuid.UUID("7c0fb1d6-3a51-4c53-9a4f-0d8d5f1b0e01")


# RFC 6454, section 6.1, as browsers send it: without the default port of the scheme.
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.ASCII)
_IMPLIED_PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65535


def is_origin(value: str) -> None:
    """Validate an origin as browsers send it. Raise ValidationError for any other form, which would never match."""
    found = _ORIGIN.fullmatch(value)
    port = int(found[2] or 0) if found else 0
    if not found or port > _LAST_PORT or port == _IMPLIED_PORTS[found[1]]:
        raise ValidationError(
            _(
                "Enter an origin as browsers send it, such as https://app.example.com: lower case, no path, and no "
                "default port."
            ),
            code="no_origin",
        )


def is_loopback(origin: str) -> bool:
    """Return True for a page on the developer's own machine, which a sandbox always allows."""
    return bool(_LOOPBACK.fullmatch(origin))


class NoDefaultWorkspace(Exception):
    """There are several workspaces, none of them is the default, and ``SESSIONS_CORE["DEFAULT_WORKSPACE"]`` names
    none."""


class WorkspaceManager(models.Manager["Workspace"]):
    def default(self) -> "Workspace":
        """Return the workspace of a request that names none: that of ``SESSIONS_CORE["DEFAULT_WORKSPACE"]``, or the
        only one, which is created if there is none. The one that was created so stays the default beside others.

        One query. Raise NoDefaultWorkspace.
        """
        return self.find_default() or self.get_or_create(pk=_MADE_BY_ITSELF, defaults={"name": "Default"})[0]

    def find_default(self, *related: str) -> "Workspace | None":
        """Return the default workspace, or None if there is no workspace yet. One query, which joins ``related``.

        Raise NoDefaultWorkspace.
        """
        named, found = settings.default_workspace, _candidates(related).rows()
        is_open = len(found) > 1 and found[0].pk != _MADE_BY_ITSELF
        if is_open or (named and not found):
            raise NoDefaultWorkspace("Set SESSIONS_CORE['DEFAULT_WORKSPACE'] to the id of one of your workspaces.")
        return found[0] if found else None


class Workspace(models.Model):
    """One tenant. Each app stores its policy for the workspace in a row of its own; see ``Policy``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(pgettext_lazy("Gatepass", "name"), max_length=200)
    is_sandbox = models.BooleanField(
        pgettext_lazy("Gatepass", "sandbox"),
        default=False,
        help_text=_("A sandbox enables development features that are off by default in a live workspace."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects: ClassVar[WorkspaceManager] = WorkspaceManager()

    class Meta:
        verbose_name = WORKSPACE
        verbose_name_plural = pgettext_lazy("Gatepass", "workspaces")
        ordering = ("name", "id")
        indexes = [models.Index(fields=["name", "id"], name="sessions_core_workspace_name")]

    def __str__(self) -> str:
        return self.name


@cache
def _candidates(related: tuple[str, ...]) -> CompiledQuery[Workspace]:
    """Return the query for at most two workspaces: the default one, and another one if there is a choice."""

    def find() -> models.QuerySet[Workspace]:
        made_by_itself = Case(When(pk=_MADE_BY_ITSELF, then=0), default=1)
        named = settings.default_workspace
        rows = Workspace.objects.order_by(made_by_itself, "created_at", "id")
        found = Workspace.objects.filter(pk=named).order_by() if named else rows[:2]
        return found.select_related(*related) if related else found

    return CompiledQuery(Workspace, find, depends_on=lambda: settings.default_workspace)


class AllowedOrigin(models.Model):
    """An origin whose web pages may call the API of the workspace (CORS)."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="allowed_origins", verbose_name=WORKSPACE
    )
    origin = models.CharField(
        pgettext_lazy("Gatepass", "origin"),
        max_length=200,
        validators=[is_origin],
        help_text=_("For example https://app.example.com, without a path and without a default port."),
    )

    class Meta:
        verbose_name = _("allowed origin")
        verbose_name_plural = _("allowed origins")
        ordering = ("origin",)
        constraints = [
            models.UniqueConstraint(fields=["origin", "workspace"], name="sessions_core_an_origin_is_listed_once")
        ]

    def __str__(self) -> str:
        return self.origin
