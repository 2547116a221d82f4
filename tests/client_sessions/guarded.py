"""Views of a host over a registered model, guarded in every supported way."""

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from client_sessions.authentication import ApiKeyAuthentication, ClientSessionAuthentication
from client_sessions.decorators import client_session_required
from client_sessions.devices.device_scopes import DEVICES
from client_sessions.devices.models import Device
from client_sessions.filters import GrantedFilterBackend, UserIdentifierKeyMixin
from client_sessions.models import Action
from client_sessions.permissions import HasClientSession, HasCredential
from client_sessions.scoping import visible_to


class DeviceSerializer(ModelSerializer):
    class Meta:
        model = Device
        fields = ["id", "name", "manufacturer", "is_locked"]


class Devices(UserIdentifierKeyMixin, ModelViewSet):
    queryset = Device.objects.order_by("name")
    serializer_class = DeviceSerializer
    authentication_classes = [ClientSessionAuthentication, ApiKeyAuthentication]
    permission_classes = [HasCredential]
    filter_backends = [GrantedFilterBackend, DjangoFilterBackend]
    filterset_fields = ["manufacturer", "name"]


class DeviceKeys(ApiKeyAuthentication):
    family = DEVICES


class DevicesByScope(Devices):
    """Also open to keys with scopes."""

    authentication_classes = [ClientSessionAuthentication, DeviceKeys]


class Unguarded(ListAPIView):
    """An unguarded view, which the system check must find."""

    queryset = Device.objects.all()
    serializer_class = DeviceSerializer
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasClientSession]


@api_view(["GET"])
@authentication_classes([ClientSessionAuthentication])
@permission_classes([HasClientSession])
def whoami(request: Request) -> Response:
    return Response({"key": request.auth.user_identifier_key})


@client_session_required
def plain(request: HttpRequest, floor: int = 0) -> JsonResponse:
    """Return the names of the devices that the session may control."""
    devices = visible_to(request.auth, Device.objects.order_by("name"), action=Action.CONTROL)
    return JsonResponse({"names": [device.name for device in devices], "floor": floor})


@client_session_required
async def later(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"key": request.auth.user_identifier_key})


@method_decorator(client_session_required, name="dispatch")
class Later(View):
    async def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse({"key": request.auth.user_identifier_key})


router = SimpleRouter(trailing_slash=False)
router.register("things", Devices)
router.register("scoped", DevicesByScope, basename="scoped")

urlpatterns = [
    *router.urls,
    path("whoami", whoami),
    path("plain", plain),
    path("async", later),
    path("async/class", Later.as_view()),
    path("floors/<int:floor>", plain),
    path("wire/", include("client_sessions.urls")),
]
