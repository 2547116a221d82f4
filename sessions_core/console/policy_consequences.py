"""What a change of a workspace's policy does today, in words. Each app registers a function for its policy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from sessions_core.models.policies import Policy

__all__ = ["MOST_READ", "PolicyChange", "counted_among", "register_consequences"]

# The newest sessions of a workspace, among which a sentence counts.
MOST_READ = 10_000

# Yields sentences about the policy before and after the change, at a time. It reads a bounded number of rows.
Consequences = Callable[[Any, Any, datetime], Iterator[str]]

_consequences: dict[type[Policy], Consequences] = {}


def register_consequences(model: type[Policy], consequences: Consequences) -> None:
    """Register what a change of this policy does. Call it in the module of an app's admin pages."""
    _consequences[model] = consequences


@dataclass(frozen=True)
class PolicyChange:
    """A policy as it is stored, and as it would be saved."""

    before: Policy
    after: Policy

    def rules(self) -> list[str]:
        """Return the sentences about the rules that would be new. No query."""
        known = self.before.in_words()
        return [sentence for sentence in self.after.in_words() if sentence not in known]

    def consequences(self, *, at: datetime) -> list[str]:
        """Return what the change does to the rows of the workspace at this time."""
        found = _consequences.get(type(self.after))
        return [*found(self.before, self.after, at)] if found else []


def counted_among() -> str:
    """Return the sentence about how far the numbers of sessions reach."""
    return gettext("The numbers are those of the newest %(most)s sessions of the workspace.") % {
        "most": f"{MOST_READ:,}"
    }
