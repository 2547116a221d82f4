"""Django's own sign-ins are user sessions.

The Django session stores the id of its user session under ``SESSION_KEY``. Nothing of the Django session is stored with
the user session, so the database holds nothing that signs anybody in.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from django.conf import settings as django_settings
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.base import UpdateError
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, InterfaceError, router
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from sessions_core.db.compiled import CompiledQuery
from sessions_core.db.transactions import atomic, has_table, is_away
from sessions_core.models import NoDefaultWorkspace, Workspace
from sessions_core.models.policies import with_policies
from sessions_core.texts import is_storable
from user_sessions.authentication_methods import methods_of
from user_sessions.conf import settings
from user_sessions.django_links import (
    SESSION_KEY,
    end_linked,
    evaluated,
    is_watched,
    known_session,
    link,
    noticing_outage,
    sign_out,
)
from user_sessions.django_users import is_what_django_reads, signs_in
from user_sessions.exceptions import Impersonated, NotLive, SignInRefused, StaleClient, TooManySessions, UserInactive
from user_sessions.models import Activity, Client, UserSession, UserSessionPolicy, admission
from user_sessions.models.reverification import UNVERIFIED
from user_sessions.models.voiding import binds
from user_sessions.remembered_devices import note_sign_in, remembered_client
from user_sessions.request_devices import device_of_request
from user_sessions.risk import record_refusal

__all__ = ["MIDDLEWARE", "connect", "has_middleware", "live_session"]

logger = logging.getLogger(__name__)

MIDDLEWARE = "user_sessions.middleware.UserSessionMiddleware"

# In events: who began the session.
ACTOR = "django:login"
ADOPTION = "django:adoption"


def connect() -> None:
    """Connect the receivers. Called by ``AppConfig.ready``."""
    user_logged_in.connect(begin_session, dispatch_uid="user_sessions.begin_session")
    user_logged_out.connect(end_session, dispatch_uid="user_sessions.end_session")


def begin_session(sender: type, request: Any, user: Any, **_: Any) -> None:
    """Receive ``user_logged_in``: start a user session for this Django session.

    The user session that it had before is replaced. If the request already has a live session of this user, such as
    that of a session token or one that started at the Frontend API, it is used. Sign-ins without a Django session, such
    as those of token packages, are ignored: ``login`` always changes the Django session.

    Raise PermissionDenied if the workspace refuses another session of this user. Nobody is signed in then.
    """
    request = getattr(request, "_request", request)  # REST framework's request wraps Django's
    if not (_is_in_use() and signs_in(request, user.pk) and request.session.modified):
        return
    with noticing_outage(request), _signing_in_whole(request):
        at = timezone.now()
        previous = _find(request.session.get(SESSION_KEY))
        session = _current(request, user, at=at)
        if session is None:
            try:
                session = _start(request, user, previous, at=at, amr=methods_of(request, user))
            except PermissionDenied:
                sign_out(request)
                request.user = AnonymousUser()
                raise
            if session is not None:
                note_sign_in(request, session)
        elif previous is not None and previous.pk != session.pk:
            previous.replace(actor=session.actor, at=at, reason="the user signed in again")
        link(request, session)


def end_session(sender: type, request: Any, user: Any, **_: Any) -> None:
    """Receive ``user_logged_out``: end the user session of a Django session that the middleware does not watch, such as
    that of the test client. Where it does, ``logout`` ends it by ``flush``; token packages send this signal without."""
    request = getattr(request, "_request", request)
    django_session = getattr(request, "session", None)
    is_other = user is not None and not signs_in(request, user.pk)
    if django_session is None or is_watched(django_session) or is_other:
        return
    with noticing_outage(request):
        end_linked(request, django_session.get(SESSION_KEY))
    link(request, None)


def live_session(request: Any, django_user: Any) -> UserSession | None:
    """Return the live user session of this Django session, and record its use.

    One query, which reads the user too, and once per TOUCH_INTERVAL a write. If the user session is over, deleted or of
    another user, empty the Django session. One that began before this app was installed gets a user session, if
    ``ADOPT_DJANGO_SESSIONS`` is on. ``django_user`` is Django's own lazy ``request.user``.
    """
    at = timezone.now()
    with noticing_outage(request):
        if SESSION_KEY not in request.session:
            return _adopted(request, django_user, at=at) if _may_adopt(request, django_user) else None
        session = _find(request.session[SESSION_KEY]) or _find_committed(request)
        if session is not None and signs_in(request, session.user_id) and _is_used(session, request, at=at):
            if is_what_django_reads(request, session.user):
                request._cached_user = request._acached_user = session.user  # where Django keeps it
                return session
            return session if django_user.is_authenticated else None
    sign_out(request)
    return None


@contextmanager
def _signing_in_whole(request: Any) -> Iterator[None]:
    """If the block fails, sign out a user who has just been signed in to the Django session."""
    try:
        yield
    except Exception:
        if SESSION_KEY not in request.session:  # with it, the user was signed in before
            for key in (auth.SESSION_KEY, auth.BACKEND_SESSION_KEY, auth.HASH_SESSION_KEY):
                request.session.pop(key, None)
            request.user = AnonymousUser()
        raise


def _current(request: Any, user: Any, *, at: datetime) -> UserSession | None:
    """Return the user session that goes on: one that started in this request, or that of the user whom this request
    has found signed in. Some packages send ``user_logged_in`` for that user too, when they issue a token."""
    session = known_session(request)
    if session is None or session.user_id != user.pk or not session.is_live(at):
        return None
    started_now = vars(request)["user_session"] is session
    goes_on = session.user is evaluated(user) and request.session.get(SESSION_KEY) == session.pk
    return session if started_now or goes_on else None


def _start(
    request: Any, user: Any, previous: UserSession | None, *, at: datetime, actor: str = ACTOR, **facts: Any
) -> UserSession | None:
    """Start a session, on the client of the previous one or on that of this browser. Return None if this sign-in cannot
    have one. Raise PermissionDenied."""
    try:
        joined = with_policies("", UserSessionPolicy)
        workspace = Workspace.objects.find_default(*joined) or Workspace.objects.default()
        stays = previous is not None and previous.workspace_id == workspace.pk and previous.is_live(at)
        if previous is not None and stays:
            client: Client | None = previous.client
        else:
            client = remembered_client(request, workspace, at=at) if actor == ACTOR else None
        facts |= {"actor": actor, "replacing": True, "device": device_of_request(request), "at": at}
        return _start_on(client, workspace, user, facts)
    except NoDefaultWorkspace:
        logger.error("A sign-in has no user session: set SESSIONS_CORE['DEFAULT_WORKSPACE'] to one of the workspaces.")
    except UserInactive:
        logger.info("A sign-in of an inactive user has no user session.")
    except (SignInRefused, TooManySessions) as refusal:
        if isinstance(refusal, SignInRefused):
            request._user_sessions_refused = partial(record_refusal, refusal, actor=actor)
        raise PermissionDenied(_message_of(refusal)) from None
    return None


def _message_of(refusal: SignInRefused | TooManySessions) -> str:
    if isinstance(refusal, SignInRefused):
        return gettext("This sign-in was refused. Try again from where you usually sign in, or ask for help.")
    return gettext("You are signed in on as many devices as allowed. Sign out on one of them first.")


def _start_on(client: Client | None, workspace: Workspace, user: Any, facts: dict[str, Any]) -> UserSession:
    """Start a session on the client as it is now: another tab may sign in on it at the same time. If an impersonation
    has just begun there, start on a new client."""
    while True:
        try:
            return UserSession.objects.start(workspace, user, client=client, **facts)
        except StaleClient:
            client = Client.objects.filter(pk=client and client.pk).first()
        except Impersonated:
            client = None


def _may_adopt(request: HttpRequest, django_user: Any) -> bool:
    is_adoptable = settings.adopt_django_sessions and auth.SESSION_KEY in request.session and _is_in_use()
    return is_adoptable and bool(django_user.is_authenticated and django_user.is_active)


def _adopted(request: Any, user: Any, *, at: datetime) -> UserSession | None:
    try:
        Workspace.objects.find_default()
        return _adopt(request, user, at=at)
    except (PermissionDenied, UpdateError):  # of the second, another request has emptied the Django session
        sign_out(request)
    except (NoDefaultWorkspace, UserInactive):
        pass  # a check reports the first
    return None


@atomic()
def _adopt(request: Any, user: Any, *, at: datetime) -> UserSession | None:
    """Start a user session for a Django session that has none: the same one for requests that do so at once."""
    user = admission.lock(user)
    stored = type(request.session)(request.session.session_key)
    session = _find(stored.get(SESSION_KEY))
    if session is None:
        session = _start(request, user, None, at=at, actor=ADOPTION, verified_at=UNVERIFIED)
    link(request, session)
    request.session.save()
    return session


def _is_used(session: UserSession, request: HttpRequest, *, at: datetime) -> bool:
    """Return True if the session is live, and record its use if that is due."""
    if not session.is_live(at):
        return False
    interval = settings.touch_interval
    if session.expire_at != session.latest_expire_at:
        # A tenth of the idle lifetime, which can still move the end: no touch of a session in use may come too late.
        interval = min(interval, (session.expire_at - session.last_active_at) / 10)
    if session.last_active_at > at - interval:
        return True
    try:
        in_use = _IN_USE.get(id=session.pk)
        if in_use is None:
            return False
        if in_use.touch(at=at):
            Activity.objects.note(in_use, device_of_request(request), at=at)
    except NotLive:
        return False
    except StaleClient:
        pass  # the client got a new token a moment ago, which was a use
    except (DatabaseError, InterfaceError) as error:
        if not is_away(error):
            raise
        logger.warning("The use of a session was not recorded: %s", error)  # for example while a standby serves
    return True


def _find(named: Any) -> UserSession | None:
    return _NAMED.get(id=named) if isinstance(named, str) and is_storable(named) else None


@atomic()
def _find_committed(request: Any) -> UserSession | None:
    """Look again after the requests of this user that adopt or sign in: the Django session may be saved before the row
    is committed."""
    try:
        admission.lock(get_user_model()(pk=get_user_model()._meta.pk.to_python(request.session[auth.SESSION_KEY])))
    except (KeyError, ValidationError, UserInactive):
        return None
    return _find(request.session[SESSION_KEY])


def _is_in_use() -> bool:
    """Return True if the middleware is installed, without which a user session could not end a Django session."""
    return has_middleware() and has_table(router.db_for_write(UserSession), UserSession)


def has_middleware() -> bool:
    return _has_middleware(tuple(django_settings.MIDDLEWARE))


@lru_cache(maxsize=8)
def _has_middleware(paths: tuple[str, ...]) -> bool:
    middleware = import_string(MIDDLEWARE)
    found = (import_string(path) for path in paths)
    return any(isinstance(each, type) and issubclass(each, middleware) for each in found)


# Joined are the user, whom nearly every page looks at, and for a touch what it writes and reads.
_NAMED, _IN_USE = (
    CompiledQuery(
        UserSession,
        lambda id, joined=joined: (
            UserSession.objects.with_status_facts().select_related("user", *joined).filter(pk=id).order_by()
        ),
        depends_on=binds,
        id=str,
    )
    for joined in ((), ("client", "latest_activity", *with_policies("workspace", UserSessionPolicy)))
)
