"""A password change ends the user's sessions and tickets.

``user_sessions.models.voiding`` derives that for every token and list. These receivers also store a change by
``save()`` at once, with its events, and move the sessions that stay to the new password.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import get_hasher, identify_hasher
from django.db import router
from django.db.models import QuerySet
from django.db.models.signals import post_save, pre_save
from django.utils import timezone

from sessions_core.arguments import require_instance
from sessions_core.crypto.tokens import digest
from sessions_core.db.transactions import has_table
from sessions_core.host_models import user_models
from user_sessions.conf import settings
from user_sessions.models import Ticket, UserSession
from user_sessions.models.voiding import PASSWORD_CHANGED, binds, fingerprint_of, is_void

__all__ = ["keep_session"]

BY = f"system:{PASSWORD_CHANGED}"

# The session that ``keep_session`` names, and how to find that of the current request.
_session_to_keep: ContextVar[UserSession | None] = ContextVar("user_sessions_kept", default=None)
_find_current: ContextVar[Callable[[], UserSession | None]] = ContextVar("user_sessions_current", default=lambda: None)


def connect() -> None:
    """Connect the receivers to the user models. Called by ``AppConfig.ready``."""
    for model in user_models():
        pre_save.connect(carry_over, sender=model)
        post_save.connect(revoke_after_change, sender=model)


@contextmanager
def keep_session(session: UserSession) -> Iterator[None]:
    """Keep this session live when its user's password changes inside the block, by ``save()`` or ``update()``.

    It has no effect unless ``USER_SESSIONS["PASSWORD_CHANGE_ENDS"]`` is ``"others"`` and the session is live.
    """
    require_instance(session, UserSession, name="session")
    live = UserSession.objects.live(at=timezone.now()).filter(pk=session.pk)
    before = live.values_list("password_fingerprint", flat=True).first()
    if settings.password_change_ends != "others" or before is None:
        yield
        return
    token = _session_to_keep.set(session)
    try:
        yield
    finally:
        _session_to_keep.reset(token)
    # After ``save()`` the receivers have already changed the fingerprint; ``update()`` sends no signal.
    password = _stored_password(session.user_id)
    UserSession.objects.open(at=timezone.now()).filter(pk=session.pk, password_fingerprint=before).update(
        password_fingerprint=digest(password or "")
    )


@contextmanager
def keeping_current(find: Callable[[], UserSession | None]) -> Iterator[None]:
    """Keep the session of the current request live when its own user changes the password, as Django's
    ``update_session_auth_hash`` keeps the Django session. ``find`` is called only then."""
    token = _find_current.set(find)
    try:
        yield
    finally:
        _find_current.reset(token)


def carry_over(
    sender: type, instance: Any, raw: bool, using: str, update_fields: Iterable[str] | None, **_: Any
) -> None:
    """Receive ``pre_save``: make the sessions that stay valid under the new password too.

    This is written before the user's row, so that no concurrent request sees them revoked. If the row is then not
    saved, the old fingerprint still matches.
    """
    if not _concerns_password(instance, raw, using, update_fields):
        return
    session_to_keep = _session_to_keep.get() or _current_session(instance)
    is_kept = session_to_keep is not None and session_to_keep.user_id == instance.pk
    may_be_rehash = _may_be_rehash(instance, update_fields)
    if not (is_kept or may_be_rehash):
        return
    stored = _stored_password(instance.pk)
    if stored is None or stored == instance.password:
        return
    before = digest(stored)
    changes = {"password_fingerprint": f"{before} {fingerprint_of(instance)}"}
    sessions = UserSession.objects.filter(user=instance.pk, password_fingerprint__contains=before)
    if may_be_rehash and _is_outdated(stored):
        sessions.open(at=timezone.now()).update(**changes)
        tickets = Ticket.objects.filter(user=instance.pk, password_fingerprint__contains=before)
        tickets.filter(stored_status=Ticket.Status.PENDING).update(**changes)
    elif session_to_keep is not None and is_kept and settings.password_change_ends == "others":
        sessions.open(at=timezone.now()).filter(pk=session_to_keep.pk).update(**changes)


def revoke_after_change(
    sender: type, instance: Any, created: bool, raw: bool, using: str, update_fields: Iterable[str] | None, **_: Any
) -> None:
    """Receive ``post_save``. A save without a new password costs no query."""
    if created or not binds() or not _concerns_password(instance, raw, using, update_fields):
        return
    # Django clears ``_password`` only after this signal; ``set_unusable_password`` does not set it.
    if getattr(instance, "_password", None) is None and instance.has_usable_password():
        return
    UserSession.objects.filter(is_void(), user=instance.pk).revoke(actor=BY, reason=PASSWORD_CHANGED)
    Ticket.objects.filter(is_void(), user=instance.pk).revoke(actor=BY)


def _current_session(user: Any) -> UserSession | None:
    """Return the session of the current request if this user is saved there with a new password."""
    if getattr(user, "_password", None) is None:
        return None
    find = _find_current.get()
    return find() or None  # a lazy object may stand for no session


def _concerns_password(instance: Any, raw: bool, using: str, update_fields: Iterable[str] | None) -> bool:
    """Return True if a save may write a user's password. Skip fixtures and copies in other databases."""
    return (
        not raw
        and hasattr(instance, "has_usable_password")
        and (update_fields is None or "password" in update_fields)
        and has_table(using, UserSession)
    )


def _may_be_rehash(instance: Any, update_fields: Iterable[str] | None) -> bool:
    """Return True for a save by ``AbstractBaseUser.check_password``, which upgrades a hash.

    Django sets ``_password`` to None there, so that it does not count as a password change.
    """
    return set(update_fields or ()) == {"password"} and vars(instance).get("_password", "") is None


def _is_outdated(password: str) -> bool:
    """Return True if Django rehashes this password at the next login."""
    preferred = get_hasher()
    try:
        hasher = identify_hasher(password)
    except ValueError:
        return False
    return hasher.algorithm != preferred.algorithm or preferred.must_update(password)


def _stored_password(user_key: Any) -> str | None:
    """Return the password column in the database, or None if the user does not exist."""
    users: QuerySet[Any] = QuerySet(get_user_model(), using=router.db_for_write(UserSession))
    return users.filter(pk=user_key).values_list("password", flat=True).first()
