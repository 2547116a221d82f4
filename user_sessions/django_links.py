"""The link from a Django session to its user session, and what one request knows of both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from sessions_core.db.transactions import is_away, is_in_transaction
from sessions_core.texts import is_storable
from user_sessions.models import UserSession

__all__ = [
    "SESSION_KEY",
    "arepair_rolled_back",
    "end_linked",
    "evaluated",
    "is_watched",
    "known_session",
    "link",
    "met_outage",
    "noticing_outage",
    "repair_rolled_back",
    "sign_out",
    "unless_signed_out",
    "watch_flush",
]

SESSION_KEY = "_user_session_id"


def link(request: Any, session: UserSession | None) -> None:
    """Store the id of the user session in the Django session, or remove it."""
    if session is None:
        request.session.pop(SESSION_KEY, None)
    else:
        request.session[SESSION_KEY] = session.pk
        if is_in_transaction():
            request._user_sessions_started = session.pk
    request.user_session = session


def repair_rolled_back(request: Any) -> None:
    """Bring the sessions in line after the transaction of the request was rolled back, as with ``ATOMIC_REQUESTS``.

    The link to a user session that was rolled back is removed: the user stays signed in, and the next request starts
    another session. A session that a log-out has ended is ended again. A refused sign-in is recorded, now that no view
    can roll that back.
    """
    ended = getattr(request, "_user_sessions_ended", None)
    record_refused = getattr(request, "_user_sessions_refused", None)
    with noticing_outage(request):
        if _has_lost_its_session(request):
            link(request, None)
        if ended:
            end_linked(request, ended)
        if record_refused:
            record_refused()


def _has_lost_its_session(request: Any) -> bool:
    started = getattr(request, "_user_sessions_started", None)
    is_linked = started is not None and request.session.get(SESSION_KEY) == started
    return is_linked and not UserSession.objects.filter(pk=started).exists()


async def arepair_rolled_back(request: Any) -> None:
    if {"_user_sessions_started", "_user_sessions_ended", "_user_sessions_refused"} & vars(request).keys():
        await sync_to_async(repair_rolled_back)(request)


def end_linked(request: Any, named: Any) -> None:
    """End the user session that a Django session names."""
    if isinstance(named, str) and is_storable(named):
        UserSession.end_by_id(named)
        if is_in_transaction():
            request._user_sessions_ended = named


def watch_flush(request: Any) -> None:
    """End the user session when the Django session of this request is emptied: ``login`` does that for another user,
    and host projects call ``flush`` to sign users out. If the database is unavailable, neither ends."""
    django_session = request.session
    flush, aflush = django_session.flush, django_session.aflush

    def end(named: Any) -> None:
        with noticing_outage(request):
            end_linked(request, named)
        session = known_session(request)
        if session is not None and session.pk == named:
            request.user_session = None

    def flush_and_end() -> None:
        end(django_session.get(SESSION_KEY))
        flush()

    async def aflush_and_end() -> None:
        await sync_to_async(end)(await django_session.aget(SESSION_KEY))
        await aflush()

    django_session.flush, django_session.aflush = flush_and_end, aflush_and_end


def is_watched(django_session: Any) -> bool:
    return "flush" in vars(django_session)


def sign_out(request: Any) -> None:
    """Empty the Django session of this request, whose user session is over. Its user is anonymous from now on, also if
    other middleware has read the user already."""
    request._user_sessions_signed_out = request.session.get(auth.SESSION_KEY)
    request.session.pop(SESSION_KEY, None)
    request.session.flush()


def unless_signed_out(request: Any, user: Any) -> Any:
    """Return the user, or the anonymous user in place of one whom ``sign_out`` has signed out."""
    key = getattr(request, "_user_sessions_signed_out", None)
    is_out = key is not None and user.is_authenticated and user._meta.pk.value_to_string(user) == key
    return AnonymousUser() if is_out else user


def known_session(request: Any) -> UserSession | None:
    """Return the user session that this request has started or looked at."""
    found = vars(request).get("user_session")
    while type(found) is SimpleLazyObject:
        found = found._wrapped  # without evaluating it
    return found if isinstance(found, UserSession) else None


def evaluated(found: Any) -> Any:
    """Return the object in a lazy one. Other middleware may have wrapped it several times."""
    while type(found) is SimpleLazyObject:
        bool(found)
        found = found._wrapped
    return found


@contextmanager
def noticing_outage(request: Any) -> Iterator[None]:
    """Note in the request that the database is unavailable, so that the middleware returns 503."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if is_away(error):
            request._user_sessions_met_outage = True
        raise


def met_outage(request: HttpRequest) -> bool:
    """Return True if the database was unavailable when this request looked for its user session."""
    return getattr(request, "_user_sessions_met_outage", False)
