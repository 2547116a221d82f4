"""The views that the benchmark adds: the bare view, and one view for all ways to authenticate."""

from collections.abc import Sequence
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.views import APIView


class Bare(APIView):
    """The unit of all figures: a REST framework view that does nothing."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (JSONRenderer,)

    def get(self, request: Request) -> Response:
        return Response({"ok": True})


class Mine(Bare):
    """The same view for a caller who must authenticate."""

    permission_classes = (IsAuthenticated,)
    session_freshness = "networkless"  # only read by Gatepass's authentication


class Pages(PageNumberPagination):
    page_size = 10
    page_size_query_param = "limit"


def listing(of: Any, authentication: type[BaseAuthentication], names: Sequence[str]) -> Any:
    """Return the usual list of a user's rows, for a package that has no list of its own."""

    class Shape(ModelSerializer):
        class Meta:
            model, fields = of, names

    class View(ListAPIView):
        authentication_classes = (authentication,)
        permission_classes = (IsAuthenticated,)
        renderer_classes = (JSONRenderer,)
        pagination_class, serializer_class = Pages, Shape

        def get_queryset(self) -> Any:
            return of.objects.filter(user=self.request.user).order_by("pk")

    return View.as_view()
