"""Keep responses that depend on a credential out of every cache: browsers, proxies and Django's cache.

https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["PRIVATE", "keep_from_site_cache", "keep_private", "keep_rest_answer_private"]

PRIVATE = "private, no-store"


def keep_private(response: HttpResponseBase, headers: Iterable[str]) -> None:
    """Set ``Cache-Control`` and ``Vary`` for a credential in these request headers, and override those of the view."""
    response.headers["Cache-Control"] = PRIVATE
    patch_vary_headers(response, list(headers))


def keep_from_site_cache(request: HttpRequest) -> None:
    """Keep the response out of Django's per-site cache, whatever its ``Cache-Control``.

    This includes public responses: a key set from that cache would be older than its ``max-age``.
    """
    request._cache_update_cache = False  # type: ignore[attr-defined]  # Django's middleware checks this


def keep_rest_answer_private(request: "Request", headers: Iterable[str]) -> None:
    """Do the same for the response of a host's REST framework view, including errors.

    An authentication class has no access to the response, so this changes ``view.headers``, which the view adds to it.
    Django's cache middleware also obeys the attribute of the request if a view does not add these headers.
    """
    keep_from_site_cache(request._request)
    view: Any = (request.parser_context or {}).get("view")
    answered: dict[str, str] | None = getattr(view, "headers", None)
    if answered is None:
        return
    named = [*filter(None, [answered.get("Vary")]), *headers]
    answered |= {"Cache-Control": PRIVATE, "Vary": ", ".join(named)}
