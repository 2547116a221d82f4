"""The activities of a session: the devices, addresses and places that it was used with."""

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.db.transactions import atomic
from user_sessions.conf import settings
from user_sessions.ids import new_id
from user_sessions.places import Place, place_of
from user_sessions.user_agents import Device

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["Activity"]

_DEVICE = [each.name for each in fields(Device) if each.name != "address"]
_PLACE = [each.name for each in fields(Place)]


class ActivityQuerySet(models.QuerySet["Activity"]):
    def note(self, session: "UserSession", device: Device, *, at: datetime) -> None:
        """Save an activity of a session. Write nothing if device and address are those of the latest one, or if the
        session is over by now. Where no address is kept, the place is compared in its stead.

        Only the latest ``USER_SESSIONS["ACTIVITIES_PER_SESSION"]`` are kept.
        """
        latest = session.latest_activity
        keeps_address = settings.address_form != "none"
        place = None if keeps_address else place_of(device.address)
        if latest is not None and latest.device == device and (keeps_address or latest.place == place):
            return
        with atomic():
            activity = self.model.of(device, at=at, place=place)
            # First the session, which this locks. What revokes and deletes it waits, or this finds it over.
            in_use = type(session)._default_manager.open(at=at).filter(pk=session.pk)
            if not in_use.update(latest_activity=activity.pk):
                return
            activity.session = session
            activity.save(force_insert=True)
            session.latest_activity = activity
            kept = self.filter(session=session).order_by("-created_at", "-id").values_list("pk", flat=True)
            kept_keys = {activity.pk, *kept[: settings.activities_per_session]}
            self.filter(session=session).exclude(pk__in=kept_keys).delete()


class Activity(models.Model):
    """One device, address and place that a session was used with, from ``created_at`` until the next activity."""

    id = models.CharField(primary_key=True, max_length=45, editable=False)
    session = models.ForeignKey("UserSession", on_delete=models.CASCADE, related_name="activities", db_index=False)
    created_at = models.DateTimeField(_("created at"), editable=False)
    browser_name = models.CharField(max_length=40, blank=True, editable=False)
    browser_version = models.CharField(max_length=40, blank=True, editable=False)
    device_type = models.CharField(max_length=40, blank=True, editable=False)
    is_mobile = models.BooleanField(editable=False)
    system = models.CharField(max_length=40, blank=True, editable=False)
    system_version = models.CharField(max_length=40, blank=True, editable=False)
    ip_address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    address_hash = models.CharField(max_length=41, blank=True, editable=False)
    city = models.CharField(max_length=80, blank=True, editable=False)
    country = models.CharField(max_length=2, blank=True, editable=False)
    latitude = models.FloatField(null=True, blank=True, editable=False)
    longitude = models.FloatField(null=True, blank=True, editable=False)
    accuracy_radius = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("Gatepass", "activity")
        verbose_name_plural = pgettext_lazy("Gatepass", "activities")
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["session", "-created_at", "-id"], name="user_sessions_activity_page"),
            # The console's search by address, in the one form of the two that is stored.
            models.Index(
                fields=["ip_address", "-created_at"],
                condition=Q(ip_address__isnull=False),
                name="user_sessions_activity_address",
            ),
            models.Index(
                fields=["address_hash", "-created_at"],
                condition=Q(address_hash__gt=""),
                name="user_sessions_activity_hash",
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @classmethod
    def of(cls, device: Device, *, at: datetime, place: Place | None = None) -> "Activity":
        """Return a new activity without a session. It looks the place of the address up, unless it is given."""
        place = place or place_of(device.address or device.ip_address or "")
        values = {name: getattr(device, name) for name in _DEVICE} | vars(place)
        return cls(id=new_id("sess_activity", at=at), created_at=at, **values)

    @property
    def device(self) -> Device:
        return Device(**{name: getattr(self, name) for name in _DEVICE})

    @property
    def place(self) -> Place:
        return Place(**{name: getattr(self, name) for name in _PLACE})
