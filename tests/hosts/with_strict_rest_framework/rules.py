from rest_framework.exceptions import NotAcceptable
from rest_framework.filters import BaseFilterBackend
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.throttling import BaseThrottle


class Nothing(BasePermission):
    def has_permission(self, request, view):
        return False


class Never(BaseThrottle):
    def allow_request(self, request, view):
        return False


class NoNegotiation(BaseContentNegotiation):
    def select_parser(self, request, parsers):
        return parsers[0]

    def select_renderer(self, request, renderers, format_suffix=None):
        raise NotAcceptable


class NoFilter(BaseFilterBackend):
    def filter_queryset(self, request, queryset, view):
        return queryset.none()


def raise_again(error, context):
    raise error
