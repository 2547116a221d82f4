"""Scopes: what a restricted API key may do. Each family of endpoints has a scope to read and a scope to change.

An app registers its families, and a host can register families for its own views.
"""

import re
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["ScopeFamily", "register", "registered_scopes"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ScopeFamily:
    """A family of endpoints. The two labels say in words what each of its scopes allows.

    Without a label the family does not have that scope.
    """

    name: str
    read_label: "_StrOrPromise" = ""
    write_label: "_StrOrPromise" = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"Invalid scope family name {self.name!r}: use up to 60 characters from a-z, 0-9 and _.")

    @property
    def read(self) -> str:
        """The scope to read."""
        return f"{self.name}:read"

    @property
    def write(self) -> str:
        """The scope to change. It does not include the scope to read."""
        return f"{self.name}:write"

    @property
    def labels(self) -> "Mapping[str, _StrOrPromise]":
        """The label of each scope that the family has."""
        labels = {self.read: self.read_label, self.write: self.write_label}
        return {scope: label for scope, label in labels.items() if label}


_families: dict[str, ScopeFamily] = {}


def register(family: ScopeFamily) -> None:
    """Register the scopes of a family. Call it in ``AppConfig.ready``. Another family of this name replaces it."""
    _families[family.name] = family


def registered_scopes() -> "Mapping[str, _StrOrPromise]":
    """Return each scope that a new key can have, with its label."""
    return {scope: label for family in _families.values() for scope, label in family.labels.items()}


def check_scopes(scopes: Collection[str]) -> list[str]:
    """Return the scopes in the order of their registration. Raise ValueError unless all of them are registered."""
    known, given = registered_scopes(), list[object](scopes) if isinstance(scopes, list | tuple | Set) else []
    if not given:
        raise ValueError("scopes must be a list of at least one scope, or None for all.")
    if unknown := [scope for scope in given if not isinstance(scope, str) or scope not in known]:
        raise ValueError(f"Unknown scope {unknown[0]!r}: scopes must be of {', '.join(known)}.")
    return [scope for scope in known if scope in given]
