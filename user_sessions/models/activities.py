"""The latest activity of a session: device, browser and IP address."""

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import pgettext_lazy

from user_sessions.ids import new_id
from user_sessions.user_agents import Device

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["Activity"]


class ActivityQuerySet(models.QuerySet["Activity"]):
    def note(self, session: "UserSession", device: Device, *, at: datetime) -> None:
        """Save the device of a session. Write nothing if it is unchanged."""
        latest = getattr(session, "latest_activity", None)
        if latest is not None and latest.device == device:
            return
        activity = Activity(id=new_id("sess_activity", at=at), session=session, **vars(device))
        # Two requests may save the first activity of one session: the later one wins.
        self.bulk_create(
            [activity], update_conflicts=True, unique_fields=["session"], update_fields=["id", *vars(device)]
        )


class Activity(models.Model):
    """At most one row for each session; deleted with its session."""

    session = models.OneToOneField(
        "UserSession", on_delete=models.CASCADE, primary_key=True, related_name="latest_activity"
    )
    id = models.CharField(max_length=45, unique=True, editable=False)
    browser_name = models.CharField(max_length=40, blank=True, editable=False)
    browser_version = models.CharField(max_length=40, blank=True, editable=False)
    device_type = models.CharField(max_length=40, blank=True, editable=False)
    is_mobile = models.BooleanField(editable=False)
    ip_address = models.GenericIPAddressField(null=True, blank=True, editable=False)

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("Gatepass", "activity")
        verbose_name_plural = pgettext_lazy("Gatepass", "activities")

    def __str__(self) -> str:
        return self.id

    @property
    def device(self) -> Device:
        return Device(**{field.name: getattr(self, field.name) for field in fields(Device)})
