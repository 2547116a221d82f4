"""Remove credentials from reports of unhandled errors."""

from types import FrameType
from typing import Any

from django.http import HttpRequest, QueryDict
from django.views.debug import SafeExceptionReporterFilter

__all__ = ["RedactingReporterFilter", "remove_query"]


class RedactingReporterFilter(SafeExceptionReporterFilter):
    """Omit the form with its password or ticket, the cookies, and local variables, which Django would report."""

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {} if self.is_active(request) else super().get_post_parameters(request)

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return {} if self.is_active(request) else super().get_safe_cookies(request)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        return [] if self.is_active(request) else super().get_traceback_frame_variables(request, tb_frame)


def remove_query(request: HttpRequest) -> None:
    """Remove the query, which may contain a ticket and appears in several places of a report."""
    request.GET = QueryDict()
    for name in ("QUERY_STRING", "REQUEST_URI", "RAW_URI"):
        request.META.pop(name, None)
