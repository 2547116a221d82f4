"""A change of a user's password ends sessions and tickets.

``user_sessions.models.voiding`` derives that for every token and list. Here a change by ``save()`` is also written down
at once, with its events, and the sessions that stay are carried over to the new password.
"""

from collections.abc import Iterable, Iterator
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

_kept: ContextVar[UserSession | None] = ContextVar("user_sessions_kept", default=None)


def connect() -> None:
    """Connect the receivers to the models of users. For ``AppConfig.ready``."""
    for model in user_models():
        pre_save.connect(carry_over, sender=model)
        post_save.connect(revoke_after_change, sender=model)


@contextmanager
def keep_session(session: UserSession) -> Iterator[None]:
    """Keep this session when the password of its user changes inside the block, by whatever means.

    It has no effect unless ``USER_SESSIONS["PASSWORD_CHANGE_ENDS"]`` is ``"others"`` and the session is live.
    """
    require_instance(session, UserSession, name="session")
    live = UserSession.objects.live(at=timezone.now()).filter(pk=session.pk)
    before = live.values_list("password_fingerprint", flat=True).first()
    if settings.password_change_ends != "others" or before is None:
        yield
        return
    token = _kept.set(session)
    try:
        yield
    finally:
        _kept.reset(token)
    # An update() sends no signal. After a save() the row has another fingerprint already.
    password = _stored_password(session.user_id)
    UserSession.objects.open(at=timezone.now()).filter(pk=session.pk, password_fingerprint=before).update(
        password_fingerprint=digest(password or "")
    )


def carry_over(
    sender: type, instance: Any, raw: bool, using: str, update_fields: Iterable[str] | None, **_: Any
) -> None:
    """Receives ``pre_save``: the sessions that are to stay are valid under the new password too.

    Written before the user's row, so that no request in between sees them revoked; if that is never written, the old
    fingerprint is still there.
    """
    if not _concerns_password(instance, raw, using, update_fields):
        return
    kept = _kept.get()
    is_kept = kept is not None and kept.user_id == instance.pk
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
    elif kept is not None and is_kept:
        sessions.open(at=timezone.now()).filter(pk=kept.pk).update(**changes)


def revoke_after_change(
    sender: type, instance: Any, created: bool, raw: bool, using: str, update_fields: Iterable[str] | None, **_: Any
) -> None:
    """Receives ``post_save``. A save that shows no sign of a new password costs no query."""
    if created or not binds() or not _concerns_password(instance, raw, using, update_fields):
        return
    # Django forgets the raw password only after this signal; ``set_unusable_password`` sets none.
    if getattr(instance, "_password", None) is None and instance.has_usable_password():
        return
    UserSession.objects.filter(is_void(), user=instance.pk).revoke(actor=BY, reason=PASSWORD_CHANGED)
    Ticket.objects.filter(is_void(), user=instance.pk).revoke(actor=BY)


def _concerns_password(instance: Any, raw: bool, using: str, update_fields: Iterable[str] | None) -> bool:
    """Return True if a save may write the password of one of our users: neither a fixture nor a copy elsewhere."""
    return (
        not raw
        and hasattr(instance, "has_usable_password")
        and (update_fields is None or "password" in update_fields)
        and has_table(using, UserSession)
    )


def _may_be_rehash(instance: Any, update_fields: Iterable[str] | None) -> bool:
    """Return True for a save as ``AbstractBaseUser.check_password`` does it: Django resets ``_password`` there, so that
    an upgraded hash does not count as a change."""
    return set(update_fields or ()) == {"password"} and vars(instance).get("_password", "") is None


def _is_outdated(password: str) -> bool:
    """Return True if Django hashes this password anew at the next login."""
    preferred = get_hasher()
    try:
        hasher = identify_hasher(password)
    except ValueError:
        return False
    return hasher.algorithm != preferred.algorithm or preferred.must_update(password)


def _stored_password(user_key: Any) -> str | None:
    """Return the password column as it is in the database, None if there is no such user."""
    users: QuerySet[Any] = QuerySet(get_user_model(), using=router.db_for_write(UserSession))
    return users.filter(pk=user_key).values_list("password", flat=True).first()
