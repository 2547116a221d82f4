"""What is known of the latest use of a session: where from, and with what."""

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models

from user_sessions.ids import new_id
from user_sessions.user_agents import Device

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["Activity"]


class ActivityQuerySet(models.QuerySet["Activity"]):
    def note(self, session: "UserSession", device: Device, *, at: datetime) -> None:
        """Keep it if it tells something new; nothing is written otherwise."""
        known = getattr(session, "latest_activity", None)
        if known is not None and known.device == device:
            return
        activity = Activity(id=new_id("sess_activity", at=at), session=session, **vars(device))
        # Two may note the first use of one session; whoever is second tells of the later one.
        self.bulk_create(
            [activity], update_conflicts=True, unique_fields=["session"], update_fields=["id", *vars(device)]
        )


class Activity(models.Model):
    """One for each session that was ever used from somewhere we saw; forgotten with its session."""

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
        verbose_name_plural = "activities"

    def __str__(self) -> str:
        return self.id

    @property
    def device(self) -> Device:
        return Device(**{field.name: getattr(self, field.name) for field in fields(Device)})
