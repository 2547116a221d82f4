"""A path converter for unknown paths."""

from django.urls import register_converter

__all__ = ["ANYTHING", "ANY_METHOD"]

ANY_METHOD = dict.fromkeys(["GET", "POST", "PUT", "PATCH", "DELETE"], "refuse")


class Anything:
    """Unlike Django's ``path``, match empty paths and line breaks too."""

    regex = "(?s:.*)"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Anything, "anything")

ANYTHING = "<anything:rest>"
