"""The API of the building: a client session sees the rows of its grants, a backend sees all rows."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet

from building import filters, models
from client_sessions.authentication import ApiKeyAuthentication, ClientSessionAuthentication
from client_sessions.filters import GrantedFilterBackend, UserIdentifierKeyMixin
from client_sessions.permissions import HasCredential


class Guarded(UserIdentifierKeyMixin, ReadOnlyModelViewSet):
    """Base of the guarded views."""

    authentication_classes = [ClientSessionAuthentication, ApiKeyAuthentication]
    permission_classes = [HasCredential]
    filter_backends = [GrantedFilterBackend, DjangoFilterBackend]

    def get_serializer_class(self) -> type[ModelSerializer]:
        meta = type("Meta", (), {"model": self.queryset.model, "fields": "__all__"})
        return type("Serializer", (ModelSerializer,), {"Meta": meta})


class Doors(Guarded):
    queryset = models.Door.objects.order_by("pk")
    filterset_class = filters.DoorFilter


class Cameras(Guarded):
    queryset = models.Camera.objects.order_by("pk")
    filterset_class = filters.CameraFilter


class Locks(Guarded):
    queryset = models.Lock.objects.order_by("pk")
    filterset_class = filters.LockFilter

    @action(detail=True, methods=["post"])
    def unlock(self, request: Request, pk: str) -> Response:
        """Unlock a lock. POST needs a grant that allows control; other locks are 404."""
        lock = self.get_object()
        lock.is_locked = False
        lock.save(update_fields=["is_locked"])
        return Response(self.get_serializer(lock).data)


def page(request: HttpRequest) -> HttpResponse:
    """Show the page, which is the same for all users: the token is only in the browser, after the # of the URL."""
    return render(request, "building/page.html")
