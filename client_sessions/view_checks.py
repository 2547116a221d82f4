"""System checks of the host's REST framework views that client sessions guard."""

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
    """A view that narrows to a client session, or asks for one, must be able to recognise one."""
    for path, view, options in _rest_views(get_resolver()):

        def has(option: str, *wanted: type, view: Any = view, options: Any = options) -> bool:
            parts = options.get(option, getattr(view, option, ()))
            return any(issubclass(part, wanted) for part in _classes(parts))

        is_guarded = has("permission_classes", HasClientSession, HasCredential) or has(
            "filter_backends", GrantedFilterBackend
        )
        if is_guarded and not has("authentication_classes", ClientSessionAuthentication):
            yield Error(
                f"{view.__module__}.{view.__qualname__} at {path!r} is guarded by client sessions, which none of its "
                "authentication_classes knows.",
                hint="Add client_sessions.authentication.ClientSessionAuthentication.",
                id="client_sessions.E004",
            )


def _classes(parts: Iterable[Any]) -> Iterator[type]:
    """The classes that an option lists, those joined by ``&``, ``|`` and ``~`` too."""
    for part in parts:
        if isinstance(part, type):
            yield part
        elif isinstance(part, OperandHolder):
            yield from _classes([part.op1_class, part.op2_class])
        elif isinstance(part, SingleOperandHolder):
            yield from _classes([part.op1_class])


def _rest_views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every view of the REST framework in the project: its path, its class, and what ``as_view`` was told."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _rest_views(entry, path)
        elif view := getattr(entry.callback, "cls", None):
            yield path, view, getattr(entry.callback, "initkwargs", {})
