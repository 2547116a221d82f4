"""System checks of your views that require a user session."""

from collections.abc import Iterable
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register

from sessions_core.http.project_views import project_views
from user_sessions.freshness import Freshness

__all__ = ["check_freshness"]


@register(Tags.urls)
def check_freshness(**_: object) -> Iterable[CheckMessage]:
    """Report views that accept session tokens and do not state a valid freshness."""
    for path, view in project_views():
        stated = _stated_freshness(view)
        if not stated:
            continue
        of_view = getattr(view, "cls", view)
        name = f"{of_view.__module__}.{of_view.__qualname__} at {path!r}"
        freshness = next(filter(None, stated), None)
        if freshness is None:
            yield Warning(
                f"{name} accepts session tokens and does not state its freshness, so it is strict: each request reads "
                "the session.",
                hint="Set session_freshness, or the freshness of @session_required: networkless, cached or strict.",
                id="user_sessions.W040",
            )
        elif freshness not in list(Freshness):
            yield Error(
                f"{name} has the unknown freshness {freshness!r}.",
                hint="Use networkless, cached or strict.",
                id="user_sessions.E040",
            )


def _stated_freshness(view: Any) -> list[Any]:
    """Return what a view and its authentication classes state, the first that counts first. Empty if no guard does."""
    if hasattr(view, "session_freshness"):  # set by the decorator
        return [view.session_freshness]
    if of_methods := _stated_by_methods(getattr(view, "view_class", None)):
        return [None] if None in of_methods else of_methods
    cls, options = getattr(view, "cls", None), getattr(view, "initkwargs", {})
    classes = options.get("authentication_classes", getattr(cls, "authentication_classes", ()))
    of_classes = [each.session_freshness for each in classes if hasattr(each, "session_freshness")]
    of_view = options.get("session_freshness", getattr(cls, "session_freshness", None))
    return [of_view, *of_classes] if of_classes else []


def _stated_by_methods(cls: Any) -> list[Any]:
    """Return what the decorated methods of a class-based view state."""
    methods: list[Any] = [getattr(cls, name, None) for name in getattr(cls, "http_method_names", ())]
    return [each.session_freshness for each in methods if hasattr(each, "session_freshness")]
