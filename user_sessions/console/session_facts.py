"""What the badges of a session need: whether its user was known before, here and in this country."""

from typing import Any

from django.db.models import Exists, OuterRef

from user_sessions.closers import IMPORTER
from user_sessions.models import Activity, UserSession

__all__ = ["EARLIER_SESSIONS", "with_badge_facts"]

# Sessions of the user before this one, in the workspace, among whose places a country is looked for.
EARLIER_SESSIONS = 50


def with_badge_facts(sessions: Any) -> Any:
    """Add whether the user had signed in before, anywhere and on this client, and whether the country of the latest
    use is new: earlier sessions were used in others only."""
    earlier = UserSession.objects.filter(user=OuterRef("user"), created_at__lt=OuterRef("created_at")).order_by()
    # Imported sessions are not sign-ins. A range, so that the list needs no LIKE.
    signed_in = earlier.exclude(closed_by__range=(IMPORTER, f"{IMPORTER}~"))
    return sessions.annotate(
        is_known_user=Exists(signed_in),
        is_known_here=Exists(signed_in.filter(client=OuterRef("client"))),
        is_new_country=_is_new_country(),
    )


def _is_new_country() -> Any:
    """Read the latest of the earlier sessions only: a user can have any number. Impersonators are other people."""
    of_user = {name: OuterRef(OuterRef(OuterRef(name))) for name in ("user", "workspace")}
    began = OuterRef(OuterRef(OuterRef("created_at")))
    before = UserSession.objects.filter(**of_user, created_at__lt=began, impersonator__isnull=True)
    latest = before.order_by("-created_at", "-id").values("pk")[:EARLIER_SESSIONS]
    places = Activity.objects.filter(session__in=latest, country__gt="").order_by()
    here = Activity.objects.filter(pk=OuterRef("latest_activity"), country__gt="").order_by()
    # Both depend on the country, so that they are not read for a session without one.
    same, others = places.filter(country=OuterRef("country")), places.exclude(country=OuterRef("country"))
    return Exists(here.filter(Exists(others), ~Exists(same)))
