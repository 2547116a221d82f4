"""System checks of the routes that a host includes."""

from collections.abc import Iterable, Iterator

from django.core.checks import CheckMessage, Tags, Warning, register
from django.urls import LocalePrefixPattern, URLPattern, URLResolver, get_resolver

from sessions_core.http.base_view import ApiView


@register(Tags.urls)
def check_paths(**_: object) -> Iterable[CheckMessage]:
    """Report routes inside i18n_patterns(): API clients use one path."""
    below_language = [
        entry
        for prefix in get_resolver().url_patterns
        if isinstance(prefix, URLResolver) and isinstance(prefix.pattern, LocalePrefixPattern)
        for entry in _views(prefix)
        if issubclass(getattr(entry.callback, "cls", object), ApiView)
    ]
    if below_language:
        yield Warning(
            f"Routes of Gatepass such as {str(below_language[0].pattern)!r} are inside i18n_patterns(), so their path "
            "depends on the language.",
            hint="Include them in urlpatterns itself, outside i18n_patterns().",
            id="sessions_core.W002",
        )


def _views(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _views(entry)
        else:
            yield entry
