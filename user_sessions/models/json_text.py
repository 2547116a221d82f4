"""A field for JSON that is returned exactly as it was stored."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import pgettext_lazy

from sessions_core.texts import is_storable_json

if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]
else:
    TextField = models.TextField

__all__ = ["IMPERSONATOR", "JsonTextField", "require_impersonator"]

IMPERSONATOR = pgettext_lazy("Gatepass", "impersonator")


def require_impersonator(impersonator: Mapping[str, Any]) -> None:
    """Raise ValueError for a value that cannot be the ``act`` claim of a token (RFC 8693, section 4.1)."""
    given: object = impersonator
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("impersonator must be JSON.") from None
    if not is_storable_json(given):
        raise ValueError("impersonator must not contain NUL or lone surrogates.")
    if not isinstance(given, dict) or not isinstance(given.get("sub"), str) or not given["sub"]:
        raise ValueError('impersonator must be a dict whose "sub" says who impersonates the user.')


class JsonTextField(TextField):
    """A JSON value stored as text. A JSON column would reorder keys and reformat numbers, differently per database."""

    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, *_: object) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value)
