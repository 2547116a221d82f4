"""System checks of your REST framework views that use client sessions."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from rest_framework.permissions import OperandHolder, SingleOperandHolder

from client_sessions.authentication import ClientSessionAuthentication
from client_sessions.filters import GrantedFilterBackend
from client_sessions.permissions import HasClientSession, HasCredential
from sessions_core.http.project_views import project_views


@register(Tags.urls)
def check_guarded_views(**_: object) -> Iterable[CheckMessage]:
    """Report views that require or filter by a client session but cannot authenticate one."""
    for path, callback in project_views():
        view, options = getattr(callback, "cls", None), getattr(callback, "initkwargs", {})
        if view is None:  # not a view of REST framework
            continue

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
