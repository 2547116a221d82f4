"""The policy of one app for a workspace. Defaults apply where there is no row."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessions_core.labels import WORKSPACE
from sessions_core.models.workspaces import Workspace
from sessions_core.moments import LONGEST_LIFETIME

__all__ = ["Policy", "is_lifetime", "policy_models", "with_policies"]


def is_lifetime(value: timedelta) -> None:
    """Validate a lifetime. Raise ValidationError."""
    if not timedelta(0) < value <= LONGEST_LIFETIME:
        raise ValidationError(
            _("A lifetime must be more than 0 and at most %(days)d days."),
            code="lifetime",
            params={"days": LONGEST_LIFETIME.days},
        )


class Policy(models.Model):
    """Base of the policy of an app. Each app has one subclass; ``of`` returns the policy of a workspace."""

    # Fields that ``manage.py workspace create`` takes as options, such as --frontend-api.
    options: ClassVar[Sequence[str]] = ()

    workspace = models.OneToOneField(
        Workspace,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="%(app_label)s_policy",
        verbose_name=WORKSPACE,
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return gettext("policy of %(workspace)s") % {"workspace": self.workspace}

    def in_words(self) -> list[str]:
        """Return sentences that say what these rules do, in the current language. No query."""
        return []

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """Return the policy of a workspace, or an unsaved one with the defaults.

        One query, or none if the workspace was loaded ``with_policies`` or its policy was read before.
        """
        policy: Self | None = getattr(workspace, _relation(cls), None)
        return cls(workspace=workspace) if policy is None else policy


def policy_models() -> Iterator[type[Policy]]:
    """Yield the policy models of the installed apps."""
    for relation in Workspace._meta.related_objects:
        if relation.one_to_one and issubclass(relation.related_model, Policy):
            yield relation.related_model


def with_policies(path: str = "", *policies: type[Policy]) -> list[str]:
    """Return arguments of ``select_related`` that join these policies of a workspace, or those of all apps.

    ``path`` is the relation that leads to the workspace.
    """
    relations = map(_relation, policies or policy_models())
    return [path, *(f"{path}__{each}" for each in relations)] if path else list(relations)


@cache
def _relation(policy: type[Policy]) -> str:
    field: Any = policy._meta.get_field("workspace")
    name: str = field.remote_field.get_accessor_name()
    return name
