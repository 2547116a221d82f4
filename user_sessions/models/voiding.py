"""A session or ticket is void while its user is inactive, and after the user's password has changed.

Both are derived, so ``QuerySet.update()`` has the same effect as ``save()``. The rows have the columns ``user`` and
``password_fingerprint``.
"""

from collections.abc import Callable, Mapping
from functools import cache, reduce
from operator import or_
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import SHA256, StrIndex
from django.db.models.lookups import Exact

from sessions_core.crypto.tokens import digest
from user_sessions.conf import settings
from user_sessions.users import has_field

__all__ = [
    "FINGERPRINTS_LENGTH",
    "PASSWORD_CHANGED",
    "USER_DEACTIVATED",
    "binds",
    "fingerprint_of",
    "is_void",
    "joined_reason",
    "reason",
]

USER_DEACTIVATED = "user_deactivated"
PASSWORD_CHANGED = "password_changed"

# Two hex digests separated by a space: after a rehash both the old and the new one are valid.
FINGERPRINTS_LENGTH = 129


def fingerprint_of(user: Any) -> str:
    """Return the digest of this instance's password."""
    return digest(getattr(user, "password", None) or "")


def binds() -> bool:
    """Return True if a password change ends sessions and tickets."""
    return settings.password_change_ends != "none"


def is_void() -> Q:
    """Return the condition for void rows. It has no joins, so an UPDATE can use it."""
    return _is_void(binds())


def reason(*, prefix: str = "") -> Subquery:
    """Return an expression for why a row is void: the prefix and one of the two reasons, or NULL."""
    return _reason(binds(), prefix)


def joined_reason() -> Case:
    """Return the same expression for a queryset that joins the user anyway. It saves PostgreSQL a subplan."""
    return _joined_reason(binds())


# Nearly every query of sessions contains these, so each is built once.


@cache
def _is_void(binds: bool) -> Q:
    conditions = _conditions(binds).values()
    return Q(Exists(_user().filter(reduce(or_, conditions)))) if conditions else Q(pk__in=())


@cache
def _reason(binds: bool, prefix: str) -> Subquery:
    value = _first_of(_conditions(binds), prefix)
    return Subquery(_user().values(user_sessions_void_reason=value), output_field=CharField())


@cache
def _joined_reason(binds: bool) -> Case:
    return _first_of(_conditions(binds, row=F, user="user__"))


def _first_of(conditions: Mapping[str, Q], prefix: str = "") -> Case:
    cases = [When(condition, then=Value(f"{prefix}{reason}")) for reason, condition in conditions.items()]
    return Case(*cases, default=None, output_field=CharField())


def _conditions(binds: bool, *, row: Callable[[str], Any] = OuterRef, user: str = "") -> Mapping[str, Q]:
    """Return the conditions that the host's user model supports: it may have no such columns.

    ``row`` and ``user`` lead to the columns of the row and of its user.
    """
    conditions = {}
    if has_field("is_active"):
        conditions[USER_DEACTIVATED] = ~Q(**{f"{user}is_active": True})
    if binds and has_field("password"):
        position = StrIndex(row("password_fingerprint"), _Sha256(f"{user}password"))
        conditions[PASSWORD_CHANGED] = Q(Exact(position, 0))
    return conditions


def _user() -> QuerySet[Any]:
    """Return the row's user, not through the host's managers, which may hide it."""
    return QuerySet(get_user_model()).filter(pk=OuterRef("user_id")).order_by()


class _Sha256(SHA256):
    """Django's ``SHA256`` needs a PostgreSQL extension; this one does not."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return self.as_sql(compiler, connection, template=template, **context)
