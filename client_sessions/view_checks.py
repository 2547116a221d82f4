"""System checks of your REST framework views that use client sessions."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLResolver, get_resolver
from rest_framework.permissions import OperandHolder, SingleOperandHolder

from client_sessions.authentication import ClientSessionAuthentication
from client_sessions.filters import GrantedFilterBackend
from client_sessions.permissions import HasClientSession, HasCredential


@register(Tags.urls)
def check_guarded_views(**_: object) -> Iterable[CheckMessage]:
    """Report views that require or filter by a client session but cannot authenticate one."""
    for path, view, options in _rest_views(get_resolver()):

        def has(option: str, *wanted: type, view: Any = view, options: Any = options) -> bool:
            parts = options.get(option, getattr(view, option, ()))
            return any(issubclass(part, wanted) for part in _classes(parts))

        is_guarded = has("permission_classes", HasClientSession, HasCredential) or has(
            "filter_backends", GrantedFilterBackend
        )
        if is_guarded and not has("authentication_classes", ClientSessionAuthentication):
            yield Error(
                f"{view.__module__}.{view.__qualname__} at {path!r} requires client sessions, but none of its "
                "authentication_classes accepts their tokens.",
                hint="Add client_sessions.authentication.ClientSessionAuthentication to authentication_classes.",
                id="client_sessions.E004",
            )


def _classes(parts: Iterable[Any]) -> Iterator[type]:
    """Yield the classes of an option, including operands of ``&``, ``|`` and ``~``."""
    for part in parts:
        if isinstance(part, type):
            yield part
        elif isinstance(part, OperandHolder):
            yield from _classes([part.op1_class, part.op2_class])
        elif isinstance(part, SingleOperandHolder):
            yield from _classes([part.op1_class])


def _rest_views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield path, class and ``as_view`` arguments of each REST framework view of the project."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _rest_views(entry, path)
        elif view := getattr(entry.callback, "cls", None):
            yield path, view, getattr(entry.callback, "initkwargs", {})
