"""Parameters about custom metadata: what to store, and what to filter by."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from client_sessions.seam.parameters import Parameter, Problem, expected
from sessions_core.texts import is_storable

__all__ = ["Metadata", "MetadataFilter"]

# As Seam limits them. Lengths are characters.
MOST_MEMBERS = 50
LONGEST_NAME = 40
LONGEST_VALUE = 500


@dataclass(frozen=True, kw_only=True)
class Metadata(Parameter):
    """A flat object of texts, numbers, booleans and nulls, as many as Seam keeps."""

    def from_json(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise expected("object", value)
        if len(value) > MOST_MEMBERS:
            raise Problem(f"Object must contain at most {MOST_MEMBERS} key(s)")
        for key, one in value.items():
            if len(key) > LONGEST_NAME or not is_storable(key):
                raise Problem(f"Invalid key: at most {LONGEST_NAME} characters of text")
            if isinstance(one, dict | list):
                raise Problem(f"Invalid value of {key!r}: expected string, number, boolean or null")
            if isinstance(one, str) and (len(one) > LONGEST_VALUE or not is_storable(one)):
                raise Problem(f"Invalid value of {key!r}: at most {LONGEST_VALUE} characters of text")
            if isinstance(one, int | float) and abs(one) > 2**53:
                raise Problem(f"Invalid value of {key!r}: a number that not every reader keeps")
        return value

    def from_query(self, values: Sequence[str], *, strict: bool) -> dict[str, Any]:
        raise expected("object", values[0])


@dataclass(frozen=True, kw_only=True)
class MetadataFilter(Metadata):
    """Members that custom metadata must have, each as text: ``true`` is also what the text ``"true"`` matches, for a
    query cannot tell them apart. None matches a member that is not set."""

    takes_members: ClassVar[bool] = True

    def from_json(self, value: Any) -> dict[str, str | None]:
        members = super().from_json(value)
        if "" in members.values():
            raise Problem("Invalid value: give null to match a key that is not set")
        return {key: one if one is None or isinstance(one, str) else json.dumps(one) for key, one in members.items()}
