"""Parameters for custom metadata: values to store, and filters."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from sessions_core.http.parameters import Kind, Parameter, Problem
from sessions_core.texts import is_storable

__all__ = ["Metadata", "MetadataFilter"]

# The limits of Seam. Lengths are in characters.
MOST_MEMBERS = 50
LONGEST_NAME = 40
LONGEST_VALUE = 500


@dataclass(frozen=True, kw_only=True)
class Metadata(Parameter):
    """A flat object of texts, numbers, booleans and nulls, within the limits of Seam."""

    json_type: ClassVar[str] = "object"
    max_length: int = MOST_MEMBERS
    longest_name: int = LONGEST_NAME
    longest_value: int = LONGEST_VALUE

    def check(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Problem(Kind.WRONG_TYPE, self, value)
        if len(value) > self.max_length:
            raise Problem(Kind.TOO_MANY, self, value)
        for key, one in value.items():
            if len(key) > self.longest_name or not is_storable(key):
                raise Problem(Kind.MEMBER_NAME, self, key)
            if isinstance(one, dict | list):
                raise Problem(Kind.MEMBER_TYPE, self, key)
            if isinstance(one, str) and (len(one) > self.longest_value or not is_storable(one)):
                raise Problem(Kind.MEMBER_TEXT, self, key)
            if isinstance(one, int | float) and abs(one) > 2**53:
                raise Problem(Kind.MEMBER_NUMBER, self, key)
        return value


@dataclass(frozen=True, kw_only=True)
class MetadataFilter(Metadata):
    """Members that custom metadata must have, compared as text: ``true`` and ``"true"`` match each other, because they
    look the same in a query. None matches a member that is not set."""

    def check(self, value: object) -> dict[str, str | None]:
        members = super().check(value)
        if "" in members.values():
            raise Problem(Kind.MEMBER_EMPTY, self)
        return {key: one if one is None or isinstance(one, str) else json.dumps(one) for key, one in members.items()}
