"""The views of the project, for system checks."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.urls import URLResolver, get_resolver

__all__ = ["project_views"]


def project_views() -> Iterator[tuple[str, Any]]:
    """Yield path and view of each route of the project."""
    if getattr(settings, "ROOT_URLCONF", None):
        yield from _views_of(get_resolver(), "")


def _views_of(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _views_of(entry, path)
        else:
            yield path, entry.callback
