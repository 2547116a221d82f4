"""What the console says about a session: its device, its badges, its time line, and the tokens minted for it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from sessions_core.console.console_words import BAD, GOOD, OVER, WARNING, badge, exact, link_to, time_in_words
from sessions_core.models import Event
from sessions_core.user_keys import key_in_text
from user_sessions.closers import IMPORTER
from user_sessions.conf import settings
from user_sessions.models import Activity, Epoch, JwtTemplate, Status, UserSession
from user_sessions.models.endings import endings
from user_sessions.pages.device_shapes import ShownSession

__all__ = [
    "device_in_words",
    "ending",
    "session_in_words",
    "session_list",
    "short_name",
    "status_badge",
    "timeline",
    "tokens_in_words",
]

KINDS = {Status.ACTIVE: GOOD, Status.PENDING: WARNING, Status.REVOKED: BAD}

# Maximum number of templates whose lifetimes are listed.
MOST_TEMPLATES = 20


def status_badge(session: UserSession, at: datetime) -> SafeString:
    status = session.status_at(at)
    return badge(status.label, KINDS.get(status, OVER))


def device_in_words(session: Any, at: datetime) -> SafeString:
    """Return the device with the badges of the session. It needs the facts that ``UserSessionAdmin`` annotates."""
    badges = []
    if session.impersonator is not None:
        badges.append(
            badge(pgettext("user session", "impersonated"), BAD, title=str(session.impersonator.get("sub", "")))
        )
    if session.is_known_user and not session.is_known_here and not session.closed_by.startswith(IMPORTER):
        title = gettext("The first sign-in of this user on this client.")
        badges.append(badge(pgettext("user session", "new device"), WARNING, title=title))
    if session.is_new_country and session.impersonator is None:
        title = gettext("The earlier sessions of this user were used in other countries only.")
        badges.append(badge(pgettext("user session", "new country"), WARNING, title=title))
    return format_html_join(" ", "{}", ([part] for part in (ShownSession(session=session, at=at).title, *badges)))


def address_in_words(session: UserSession) -> str:
    """Return the address and the place of the latest use."""
    shown = ShownSession(session=session, at=session.created_at)
    return ", ".join(part for part in (shown.address, shown.place) if part) or "-"


def short_name(session: UserSession) -> str:
    """Return the user, the device, and the address and place of a session."""
    title = ShownSession(session=session, at=session.created_at).title
    return ", ".join((str(session.user), title, address_in_words(session)))


def session_in_words(session: UserSession, at: datetime) -> str:
    """Return one line that a person recognises a session by: user, device, address, place, status, last use."""
    facts = (
        str(session.user),
        ShownSession(session=session, at=at).title,
        address_in_words(session),
        str(session.status_at(at).label),
        gettext("last seen %(time)s") % {"time": exact(session.last_active_at)},
    )
    return " · ".join(fact for fact in facts if fact != "-")


def ending(session: UserSession, at: datetime) -> SafeString | str:
    """Return what closed the session: a transition, an epoch of the workspace, or a change of its user."""
    (found,) = endings([session], at=at)
    if found.at is None:
        return found.reason or "-"
    line, reason = gettext("{time} by {actor}{reason}"), found.reason and f": {found.reason}"
    return format_html(line, time=time_in_words(found.at), actor=found.by, reason=reason)


def timeline(events: Iterable[Event], activities: Iterable[Activity]) -> SafeString | str:
    """Return the events of a session and the devices it was used with, as one list, newest first."""
    events = list(events)
    names = operators_of(events)
    rows: list[tuple[datetime, int, str]] = [(event.created_at, 1, _of_event(event, names)) for event in events]
    rows += [(each.created_at, 0, _of_activity(each)) for each in activities]
    items = ((time_in_words(time), text) for time, _, text in sorted(rows, key=lambda row: row[:2], reverse=True))
    return format_html('<ol class="gatepass-timeline">{}</ol>', format_html_join("", "<li>{} — {}</li>", items))


def operators_of(events: Iterable[Event]) -> dict[str, str]:
    """Return the names of the operators who are actors: one query."""
    model = get_user_model()
    actors = {event.actor for event in events if event.actor.startswith("operator:")}
    keys = {actor: key_in_text(actor.partition(":")[2], model) for actor in actors}
    users: Any = QuerySet(model)
    found = users.in_bulk([key for key in keys.values() if key is not None]) if actors else {}
    return {actor: found[key].get_username() for actor, key in keys.items() if key in found}


def _of_event(event: Event, names: dict[str, str]) -> SafeString:
    reason = event.data.get("reason")
    name = names.get(event.actor)
    return format_html(
        gettext("{type} by {actor}{reason}"),
        type=link_to(event, event.type),
        actor=f"{event.actor} ({name})" if name else event.actor,
        reason=f": {reason}" if reason else "",
    )


def _of_activity(activity: Activity) -> str:
    facts = ", ".join(part for part in (str(activity.device), str(activity.place)) if part)
    return gettext("used with %(device)s") % {"device": facts or "-"}


def session_list(sessions: Iterable[Any], at: datetime, url: str) -> SafeString:
    """Return sessions with their status, and a link to all of them if there is an address."""
    rows = (
        (
            link_to(each, ShownSession(session=each, at=at).title),
            status_badge(each, at),
            each.user,
            time_in_words(each.last_active_at),
        )
        for each in sessions
    )
    listed = format_html_join("", "<li>{} {} {} {}</li>", rows)
    every = format_html('<a href="{}">{}</a>', url, pgettext("sessions", "all")) if url else ""
    return format_html('<ul class="gatepass-sessions">{}</ul>{}', listed, every)


def tokens_in_words(session: UserSession, at: datetime) -> SafeString:
    """Return until when tokens of this session can be valid. Gatepass does not store the tokens that it mints."""
    over = _over_since(session, at)
    lives = [(gettext("Session tokens"), settings.session_token_lifetime)]
    templates = JwtTemplate.objects.mintable().filter(workspace=session.workspace_id).order_by("name")
    lives += [
        (
            gettext("Tokens of the template %(name)s") % {"name": name},
            min(timedelta(seconds=lifetime), settings.template_token_max_lifetime),
        )
        for name, lifetime in templates.values_list("name", "lifetime")[:MOST_TEMPLATES]
    ]
    rows = ((kind, _life(lifetime, over, session.expire_at)) for kind, lifetime in lives)
    note = gettext("Minted tokens are not stored. A caller can ask for another lifetime. None outlives its session.")
    return format_html("{}<p>{}</p>", format_html_join("", "<div>{}: {}</div>", rows), note)


def _over_since(session: UserSession, at: datetime) -> datetime | None:
    """Return since when no token can be minted, or None if one can. Now for a user who may not sign in."""
    if session.is_live(at):
        return None
    epoch = Epoch.objects.filter(pk=session.epoch_id or 0).first()
    began = [session.closed_at, epoch.not_before if epoch else None, session.expire_at]
    return min((time for time in began if time is not None and time <= at), default=at)


def _life(lifetime: timedelta, over: datetime | None, expire_at: datetime) -> SafeString | str:
    if over is None:
        return gettext("valid for %(seconds)d seconds") % {"seconds": lifetime.total_seconds()}
    return format_html(
        gettext("the last one is valid until {time}"), time=time_in_words(min(over + lifetime, max(expire_at, over)))
    )
