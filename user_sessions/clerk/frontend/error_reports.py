"""What a report of an error that nobody expected says of a request: nothing that somebody signs in with."""

from types import FrameType
from typing import Any

from django.http import HttpRequest, QueryDict
from django.views.debug import SafeExceptionReporterFilter

__all__ = ["Discreet", "forget_query"]


class Discreet(SafeExceptionReporterFilter):
    """Django's own would quote the form, with its password or ticket, the client's cookie, and all local variables."""

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {} if self.is_active(request) else super().get_post_parameters(request)

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return {} if self.is_active(request) else super().get_safe_cookies(request)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        return [] if self.is_active(request) else super().get_traceback_frame_variables(request, tb_frame)


def forget_query(request: HttpRequest) -> None:
    """Let the request be one without a query, which reports show in many places: a ticket may stand there."""
    request.GET = QueryDict()
    for name in ("QUERY_STRING", "REQUEST_URI", "RAW_URI"):
        request.META.pop(name, None)
