"""Filters of the lists, in addition to the grants of the caller."""

from django_filters.rest_framework import CharFilter, FilterSet

from building.models import Camera, Door, Lock


class DoorFilter(FilterSet):
    class Meta:
        model = Door
        fields = {"name": ["exact", "icontains"]}


class CameraFilter(FilterSet):
    # By name: a ModelChoiceFilter would let callers find out the ids of other tenants' doors.
    door = CharFilter("door__name")

    class Meta:
        model = Camera
        fields = {"name": ["exact", "icontains"]}


class LockFilter(FilterSet):
    door = CharFilter("door__name")

    class Meta:
        model = Lock
        fields = {"name": ["exact", "icontains"], "is_locked": ["exact"]}
