"""The rules of a workspace as names and values of a command, such as ``user_sessions.lifetime=12h``."""

from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, DurationField, Field

from sessions_core.db.transactions import atomic
from sessions_core.management.durations import duration_of
from sessions_core.models import Event, Workspace
from sessions_core.models.policies import Policy, policy_models

__all__ = ["PolicyChange", "setting_names"]

_TRUTH = {"yes": True, "true": True, "no": False, "false": False}


def setting_names() -> list[str]:
    """Return the names of the rules of all installed apps, such as ``user_sessions.lifetime``."""
    return list(_fields())


@dataclass(frozen=True)
class PolicyChange:
    """New values by the name of their rule, of the right type."""

    values: Mapping[str, Any]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Self:
        """Parse texts such as ``user_sessions.limit=3``. An empty value is none. Raise ValidationError."""
        fields, values = _fields(), {}
        for text in texts:
            name, is_given, value = text.partition("=")
            if not is_given or name not in fields:
                raise ValidationError(f"{text!r} is not NAME=VALUE with one of the names {', '.join(fields)}.")
            try:
                values[name] = _value(fields[name][1], value)
            except (ArgumentTypeError, ValidationError) as reason:
                what = " ".join(reason.messages) if isinstance(reason, ValidationError) else f"{reason}."
                raise ValidationError(f"{name}: {what}") from None
        return cls(values)

    @atomic()
    def save(self, workspace: Workspace, *, actor: str) -> list[dict[str, Any]]:
        """Save the new values, and record those that differ. Return all rules. Raise ValidationError."""
        rows: dict[type[Policy], Policy] = {}
        changed: dict[str, str] = {}
        for policy in policy_models():
            rows[policy] = row = self._locked(policy, workspace)
            if differing := self._apply(policy, row):
                row.full_clean()
                row.save()
                changed |= differing
        if changed:
            id = workspace.pk
            Event.objects.record(
                "workspace.policy_changed", subject=str(id), workspace_id=id, actor=actor, changed=changed
            )
        return [
            {"name": name, "value": getattr(rows[policy], field.name), "is_default": _is_default(rows[policy], field)}
            for name, (policy, field) in _fields().items()
        ]

    def _locked(self, policy: type[Policy], workspace: Workspace) -> Policy:
        """Return the policy, locked if a value of it may change."""
        app = policy._meta.app_label
        rows = policy._default_manager.filter(workspace=workspace)
        if any(name.startswith(f"{app}.") for name in self.values):
            rows = rows.select_for_update()
        return rows.first() or policy(workspace=workspace)

    def _apply(self, policy: type[Policy], row: Policy) -> dict[str, str]:
        """Set the new values on a row. Return those that differ, as text, by name."""
        differing = {}
        for name, (owner, field) in _fields().items():
            if owner is policy and name in self.values and getattr(row, field.name) != self.values[name]:
                setattr(row, field.name, self.values[name])
                differing[name] = "" if self.values[name] is None else str(self.values[name])
        return differing


def _fields() -> dict[str, tuple[type[Policy], Any]]:
    return {f"{policy._meta.app_label}.{field.name}": (policy, field) for policy, field in _all_fields()}


def _all_fields() -> Iterator[tuple[type[Policy], Any]]:
    for policy in policy_models():
        yield from ((policy, field) for field in policy._meta.concrete_fields if not field.primary_key)


def _value(field: "Field[Any, Any]", text: str) -> Any:
    """Return the value that a text means for this field. Raise ValidationError or ArgumentTypeError."""
    if not text and field.null:
        return None
    if isinstance(field, BooleanField):
        if text.lower() not in _TRUTH:
            raise ValidationError(f"{text!r} is neither yes nor no.")
        return _TRUTH[text.lower()]
    return duration_of(text) if isinstance(field, DurationField) else field.clean(text, None)


def _is_default(row: Policy, field: Any) -> bool:
    return bool(getattr(row, field.name) == field.get_default())
