"""Grants: one row for each resource, so that concurrent writers do not overwrite each other."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from client_sessions import resources
from client_sessions.resource_ids import LONGEST_ID
from client_sessions.wanted import normalize_wanted
from sessions_core.moments import instant, moment

# Resource types of which a session has at most one.
SINGLE = ("user_identity", "customer")

# Stands for a grant that lasts as long as its session.
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)


class Action(models.TextChoices):
    """An action that a grant allows."""

    READ = "read", pgettext_lazy("grant", "read")
    CONTROL = "control", pgettext_lazy("grant", "control")

    @property
    def column(self) -> str:
        """The column of a grant with the end of this action."""
        return f"{self}_until"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The actions that a grant allows and their end; ``until=None`` means as long as the session lives.

    Raise ValueError for unknown actions.
    """

    actions: Collection[Action] = tuple(Action)
    until: datetime | None = None

    def __post_init__(self) -> None:
        given: object = self.actions
        if not isinstance(given, Collection) or isinstance(given, str | bytes | Mapping):
            raise ValueError("actions must be a list, such as [Action.READ].")
        # In a fixed order, so that equal terms compare equal.
        wanted = {Action(action) for action in self.actions}
        object.__setattr__(self, "actions", tuple(action for action in Action if action in wanted))
        if self.until is not None:
            instant(self.until, name="until")
        if not wanted:
            raise ValueError("actions must contain at least one action.")

    @property
    def ends(self) -> dict[str, datetime]:
        """The columns of a grant for the actions of these terms, with their ends."""
        return {action.column: min(self.until or FOREVER, FOREVER) for action in self.actions}

    @property
    def columns(self) -> dict[str, datetime | None]:
        """All end columns of a grant with only these terms."""
        return dict.fromkeys((action.column for action in Action), None) | self.ends


# The default terms: all actions, as long as the session lives.
ALL = Terms()


def check_terms(terms: Terms) -> Terms:
    """Return the terms. Raise ValueError unless they are Terms."""
    given: object = terms
    if not isinstance(given, Terms):
        raise ValueError("terms must be Terms, such as Terms(actions=[Action.READ]).")
    return terms


class GrantQuerySet(models.QuerySet["Grant"]):
    def for_resources(self, resource_type: str, ids: Iterable[str | int | UUID]) -> Self:
        """Filter by resources of a registered type. Raise resources.Missing for a malformed id."""
        wanted = normalize_wanted({resource_type: ids})
        stored = resources.normalize_ids(resource_type, wanted[resource_type])
        return self.filter(resource_type=resource_type, resource_id__in=stored)

    def allowing(self, action: Action, *, at: datetime | None = None) -> Self:
        return self.filter(**{f"{action.column}__gt": moment(at)})

    def live(self, *, at: datetime | None = None) -> Self:
        """Filter grants that allow any action at this time (default: now)."""
        return self.filter(live_at(at))

    def ended(self, *, at: datetime | None = None) -> Self:
        return self.exclude(live_at(at))


class Grant(models.Model):
    """One resource that a client session may reach, and the end of each allowed action; null means not allowed."""

    client_session = models.ForeignKey(
        "client_sessions.ClientSession",
        on_delete=models.CASCADE,
        related_name="grants",
        verbose_name=_("client session"),
    )
    resource_type = models.CharField(_("resource type"), max_length=60)
    resource_id = models.CharField(
        max_length=LONGEST_ID, help_text=_("The ID as normalized by client_sessions.resources.")
    )
    created_at = models.DateTimeField(_("created at"))
    read_until = models.DateTimeField(null=True, default=FOREVER)
    control_until = models.DateTimeField(null=True, default=FOREVER)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("Gatepass", "grant")
        verbose_name_plural = pgettext_lazy("Gatepass", "grants")
        ordering = ("id",)
        permissions = [("revoke_grant", "Can revoke grant")]
        constraints = [
            models.CheckConstraint(
                condition=Q(read_until__isnull=False) | Q(control_until__isnull=False),
                name="client_sessions_a_grant_allows_something",
            ),
            models.UniqueConstraint(
                fields=["client_session", "resource_type", "resource_id"],
                name="client_sessions_a_resource_is_granted_once",
            ),
            models.UniqueConstraint(
                fields=["client_session", "resource_type"],
                condition=Q(resource_type__in=SINGLE),
                name="client_sessions_one_identity_and_one_customer",
            ),
        ]
        indexes = [models.Index(fields=["resource_type", "resource_id"], name="client_sessions_grant_resource")]

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_id}"

    def is_live(self, at: datetime) -> bool:
        """Return True if the grant allows any action at this time, like ``GrantQuerySet.live``."""
        at, ends = moment(at), (self.read_until, self.control_until)
        return any(end is not None and end > at for end in ends)

    @property
    def terms(self) -> list[Terms]:
        """The granted terms: one for each distinct end."""
        by_end: dict[datetime, list[Action]] = {}
        for action in Action:
            end: datetime | None = getattr(self, action.column)
            if end is not None:
                by_end.setdefault(end, []).append(action)
        return [Terms(actions=actions, until=end if end < FOREVER else None) for end, actions in sorted(by_end.items())]


def live_at(at: datetime | None, *, of: str = "") -> Q:
    """Return the condition of a live grant. ``of`` is the prefix of a relation to grants, such as ``"grants__"``."""
    at = moment(at)
    return Q(*((f"{of}{action.column}__gt", at) for action in Action), _connector=Q.OR)
