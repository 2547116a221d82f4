"""Keep answers that depend on a credential out of every cache: a browser's, a proxy's, and Django's own.

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
    """Mark an answer that depends on a credential in one of these request headers, whatever the view said of caches."""
    response.headers["Cache-Control"] = PRIVATE
    patch_vary_headers(response, list(headers))


def keep_from_site_cache(request: HttpRequest) -> None:
    """Keep the answer to come out of Django's per-site cache, whatever its ``Cache-Control`` says.

    This includes public answers: a key set from that cache would be older than its ``max-age`` says.
    """
    request._cache_update_cache = False  # type: ignore[attr-defined]  # what Django's middleware looks at


def keep_rest_answer_private(request: "Request", headers: Iterable[str]) -> None:
    """Do the same for the answer to come of a host's REST framework view, an error included.

    An authenticator never sees the answer. The view adds ``view.headers`` to it at the end, in place of what an action
    set itself. Django's cache middleware obeys the mark on the request, also where a view leaves those headers out.
    """
    keep_from_site_cache(request._request)
    view: Any = (request.parser_context or {}).get("view")
    answered: dict[str, str] | None = getattr(view, "headers", None)
    if answered is None:
        return
    named = [*filter(None, [answered.get("Vary")]), *headers]
    answered |= {"Cache-Control": PRIVATE, "Vary": ", ".join(named)}
