"""The column with the scopes of an API key. It is read with every request, and a text is read faster than JSON."""

from typing import Any

from django.db import models

__all__ = ["ScopesField"]


class ScopesField(models.TextField):  # type: ignore[type-arg]  # it takes none at run time
    """A list of scopes. The text has a space between them."""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> list[str] | None:
        return None if value is None else value.split()

    def to_python(self, value: Any) -> list[str] | None:
        return value.split() if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else " ".join(value)

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""
