"""What a list can be narrowed by, on top of what its caller was granted."""

from django_filters.rest_framework import CharFilter, FilterSet

from building.models import Camera, Door, Lock


class DoorFilter(FilterSet):
    class Meta:
        model = Door
        fields = {"name": ["exact", "icontains"]}


class CameraFilter(FilterSet):
    # By name: with a ModelChoiceFilter, a caller could find out which ids the doors of others have.
    door = CharFilter("door__name")

    class Meta:
        model = Camera
        fields = {"name": ["exact", "icontains"]}


class LockFilter(FilterSet):
    door = CharFilter("door__name")

    class Meta:
        model = Lock
        fields = {"name": ["exact", "icontains"], "is_locked": ["exact"]}
