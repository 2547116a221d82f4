"""API versions: dates, in a header or in the query, but not in both."""

import re
from typing import TYPE_CHECKING

from user_sessions.clerk.errors import ClerkError

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["OLDEST", "VERSIONS", "WITH_TASKS", "version_of"]

VERSIONS = ("2021-02-05", "2024-10-01", "2025-03-12", "2025-04-10", "2025-11-10", "2026-05-12")
OLDEST = VERSIONS[0]

_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])", re.ASCII)

# Since this version a session has ``tasks``.
WITH_TASKS = "2025-03-12"


def version_of(request: "Request") -> str:
    """Return the requested version: the oldest by default, the newest for a later date, which a newer SDK sends.

    Raise ClerkError for an unknown version. Versions compare as strings.
    """
    version = _requested_version(request)
    if version in VERSIONS:
        return version
    if not (_DATE.fullmatch(version) and version > VERSIONS[-1]):
        raise ClerkError("api_version_invalid", f"The API version is one of {', '.join(VERSIONS)}, or a later date.")
    return VERSIONS[-1]


def _requested_version(request: "Request") -> str:
    # Most requests have no query, and to parse an empty one takes as long as to find the route.
    asked = request.query_params.getlist("__clerk_api_version") if request.META.get("QUERY_STRING") else []
    if (version := request.META.get("HTTP_CLERK_API_VERSION")) is not None:
        asked.append(version)
    if len(asked) > 1:
        raise ClerkError("api_version_invalid", "Name the API version once, in the header or in the query.")
    return asked[0] if asked else OLDEST
