"""Whether a sign-in looks like that of somebody else: what the host decides, and three rules to decide by.

The function in ``USER_SESSIONS["SIGN_IN_RISK"]`` is called with the user, their session and its first activity, which
are not saved yet, and the user's earlier activities, the latest first.

A rule returns a reason, or None. An unknown place or device is never a reason.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef
from django.utils.module_loading import import_string

from sessions_core.db.transactions import atomic, is_away
from sessions_core.models import Event
from sessions_core.texts import LONGEST_REASON, text
from user_sessions.closers import DISOWNED, IMPORTER
from user_sessions.conf import settings
from user_sessions.exceptions import SignInRefused
from user_sessions.users import user_id

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from user_sessions.models import Activity, UserSession

logger = logging.getLogger(__name__)

__all__ = ["ALLOWED", "Risk", "Verdict", "impossible_travel", "new_country", "new_device", "no_risk"]

EARTH_RADIUS = 6371.0088  # kilometres, the mean (IUGG)

# Kilometres an hour: faster than an airliner.
FASTEST = 1000

# Kilometres that are never travel: a mobile network or an office proxy is often that far away.
LEAST_DISTANCE = 100

# A shorter time between two uses counts as this long, because the clocks of two servers differ.
LEAST_TIME = timedelta(hours=1)

# How long a country stays known.
COUNTRY_REMEMBERED = timedelta(days=90)


class Verdict(StrEnum):
    """What happens to a sign-in.

    ``notify`` records the reason in the event of the sign-in. ``step_up`` does too, and views that require a recent
    authentication ask for one. ``refuse`` signs nobody in.
    """

    ALLOW = "allow"
    NOTIFY = "notify"
    STEP_UP = "step_up"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Risk:
    """A verdict and its reason, a sentence that operators and the user may read. Raise ValueError."""

    verdict: Verdict
    reason: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.verdict))
        text(self.reason, name="reason", longest=LONGEST_REASON)


ALLOWED = Risk(Verdict.ALLOW)


def no_risk(user: Any, session: "UserSession", activity: "Activity", before: "QuerySet[Activity]") -> Risk:
    """Allow every sign-in: what ``USER_SESSIONS["SIGN_IN_RISK"]`` is unless you name another function."""
    return ALLOWED


def assesses_risk() -> bool:
    """Return True if ``USER_SESSIONS["SIGN_IN_RISK"]`` names a function that may refuse a sign-in."""
    return import_string(settings.sign_in_risk) is not no_risk


def risk_of(session: "UserSession", activity: "Activity", before: "QuerySet[Activity]") -> Risk:
    """Return what the function of the host decides. If it raises, the sign-in is allowed and the error is logged."""
    function = import_string(settings.sign_in_risk)
    if function is no_risk:
        return ALLOWED
    try:
        with atomic():
            risk: object = function(session.user, session, activity, before)
        if isinstance(risk, Risk):
            return risk
        logger.error("%s must return a user_sessions.risk.Risk.", settings.sign_in_risk)
    except Exception as problem:
        if is_away(problem):
            raise
        # Without the text of the error, which may contain an address.
        logger.error("%s raised %s. The sign-in is allowed.", settings.sign_in_risk, type(problem).__name__)
    return ALLOWED


def record_refusal(refusal: SignInRefused, *, actor: str) -> None:
    """Record that a sign-in was refused, after its transaction was rolled back."""
    session = refusal.session
    Event.objects.record(
        "user.sign_in_refused",
        subject=user_id(session.user_id),
        workspace_id=session.workspace_id,
        actor=actor,
        reason=refusal.reason,
    )


def new_device(user: Any, session: "UserSession", activity: "Activity", before: "QuerySet[Activity]") -> str | None:
    """Return a reason if the user has signed in before, and never on this client, or never since they disowned it.

    Imported sessions do not count: each has a client of its own, which no browser has.
    """
    disowned = Event.objects.filter(type=DISOWNED, subject=OuterRef("session"))
    on_client = before.filter(~Exists(disowned), session__client=session.client_id)
    if on_client.exists() or not before.exclude(session__closed_by__startswith=IMPORTER).exists():
        return None
    return "The user signed in on a device that they had not used before."


def new_country(user: Any, session: "UserSession", activity: "Activity", before: "QuerySet[Activity]") -> str | None:
    """Return a reason if the user was in other countries only in the last 90 days."""
    known = set(
        before.filter(created_at__gte=activity.created_at - COUNTRY_REMEMBERED)
        .exclude(country="")
        .order_by()
        .values_list("country", flat=True)
        .distinct()
    )
    if not activity.country or not known or activity.country in known:
        return None
    return f"The user signed in from {activity.country}, where they had not been before."


def impossible_travel(
    user: Any, session: "UserSession", activity: "Activity", before: "QuerySet[Activity]"
) -> str | None:
    """Return a reason if the user cannot have come here from where they were last, at 1,000 kilometres an hour."""
    last = before.exclude(latitude=None).select_related("session").first()
    if last is None or activity.latitude is None:
        return None
    least = _distance(last, activity) - (last.accuracy_radius or 0) - (activity.accuracy_radius or 0)
    # Later uses from the same place write no activity: the latest one lasts until the last use of its session.
    is_latest = last.session.latest_activity_id == last.pk
    until = max(last.created_at, last.session.last_active_at) if is_latest else last.created_at
    took = max(activity.created_at - until, LEAST_TIME)
    if least <= max(LEAST_DISTANCE, FASTEST * (took / timedelta(hours=1))):
        return None
    return f"The user signed in {round(least):,} km away from where they were before."


def _distance(one: "Activity", other: "Activity") -> float:
    """Return kilometres along the surface of the earth (haversine)."""
    coordinates = (one.latitude, one.longitude, other.latitude, other.longitude)
    south, west, north, east = (radians(degrees or 0.0) for degrees in coordinates)
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin((east - west) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(min(half, 1)))
