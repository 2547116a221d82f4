"""Who is signed in, by a session token: its verified claims, and the user."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.utils.functional import SimpleLazyObject, cached_property, empty

from sessions_core.moments import moment
from user_sessions.exceptions import (
    SessionPending,
    SessionTokenError,
    SessionTokenExpired,
    SessionTokenInvalid,
    SessionTokenNotYetValid,
    WrongOrigin,
)
from user_sessions.freshness import Freshness, live_sessions, presented_session
from user_sessions.keys.trusted_keys import TrustedWorkspace, trusted_keys
from user_sessions.models import UserSession
from user_sessions.users import key_of
from user_sessions.verify import (
    Expired,
    NotYetValid,
    PendingSession,
    SessionClaims,
    TokenRejected,
    UnknownKey,
    WrongIssuer,
    WrongParty,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = ["SignedIn", "signed_in"]

logger = logging.getLogger(__name__)

# Refusals that an outdated key, issuer or origin in this process can cause.
_MAYBE_OUTDATED = (UnknownKey, WrongIssuer, WrongParty)

# The error of each reason. All others are one error: a caller who made up a token does not learn what is wrong with it.
_ERRORS: dict[type[TokenRejected], type[SessionTokenError]] = {
    Expired: SessionTokenExpired,
    NotYetValid: SessionTokenNotYetValid,
    PendingSession: SessionPending,
    WrongParty: WrongOrigin,
}


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A caller with a valid session token. ``claims`` are verified; ``impersonator`` in them names who acts as the
    user."""

    claims: SessionClaims
    row: "_Row"

    @cached_property
    def user(self) -> "AbstractBaseUser":
        """The user, who is loaded when a view looks at them: one query, none if the view is ``strict``.

        ``pk`` and ``is_authenticated`` load nothing. Loading raises SessionTokenError if the session is over.
        """
        user: Any = self.row.session.user if self.row.session else _LazyUser(self.row)
        found: AbstractBaseUser = user
        return found

    async def auser(self) -> "AbstractBaseUser":
        """Return the loaded user. Raise SessionTokenError if the session is over."""
        return (await self.auser_session()).user

    @property
    def user_session(self) -> UserSession:
        """Return the session, which is loaded as the user is."""
        session: Any = self.row.session or SimpleLazyObject(self.row.read)
        found: UserSession = session
        return found

    async def auser_session(self) -> UserSession:
        """Return the loaded session. Raise SessionTokenError if it is over."""
        return await sync_to_async(self.row.read)()


class _Row:
    """The session of a token, read at most once. ``raised`` translates the errors of reading it."""

    def __init__(self, workspace_id: UUID, claims: SessionClaims, at: datetime | None) -> None:
        self.workspace_id, self.claims, self.at = workspace_id, claims, at
        self.kid = claims.key_id or ""
        self.session: UserSession | None = None
        self.raised: Callable[[SessionTokenError], Exception] = lambda error: error

    def __call__(self) -> "AbstractBaseUser":
        return self.read().user

    @property
    def key_of_user(self) -> Any:
        return key_of(self.claims.user_id)

    def read(self) -> UserSession:
        """Return the active session. Raise SessionTokenError, translated."""
        if self.session is None:
            id, kid = self.claims.session_id, self.kid
            try:
                with live_sessions.noted(id, kid=kid):
                    self.session = presented_session(self.workspace_id, id, kid=kid, at=self.at)
            except SessionTokenError as error:
                raise self.raised(error) from error.__cause__
        return self.session


class _LazyUser(SimpleLazyObject):  # type: ignore[type-arg]  # not generic at run time
    """A user who is loaded on demand. What the token proves is known before."""

    is_authenticated = True
    is_anonymous = False

    def __bool__(self) -> bool:
        return True

    @property
    def pk(self) -> Any:
        return self.__dict__["_setupfunc"].key_of_user

    def __getattr__(self, name: str) -> Any:
        if name == get_user_model()._meta.pk.attname:
            return self.pk
        if self._wrapped is empty:
            self._setup()
        return getattr(self._wrapped, name)


def signed_in(
    token: str, *, freshness: Freshness | str = Freshness.STRICT, at: datetime | None = None, page: str | None = None
) -> SignedIn:
    """Return who is signed in by this session token of the default workspace.

    ``page`` is the origin of this host for a token from a cookie: the token must then have been issued for a page of
    this origin or of one that the workspace allows. Raise SessionTokenError, or ValueError for an unknown freshness.
    """
    freshness = Freshness(freshness)
    trusted, claims = _verified(token, at=moment(at), page=page)
    row = _Row(trusted.workspace_id, claims, at)
    if not _is_known(row, freshness):
        row.read()
    elif row.key_of_user is None:  # the project has another user model than when the token was issued
        raise SessionTokenInvalid
    return SignedIn(claims=claims, row=row)


def _is_known(row: _Row, freshness: Freshness) -> bool:
    """Return True if a view of this freshness need not read the row."""
    if freshness == Freshness.NETWORKLESS and row.claims.status is not None:
        return True  # version 1 of the claims does not say whether the session is pending
    return freshness != Freshness.STRICT and live_sessions.has(row.claims.session_id, kid=row.kid)


def _verified(token: str, *, at: datetime, page: str | None) -> tuple[TrustedWorkspace, SessionClaims]:
    """Return the claims and what verified them. Raise SessionTokenError."""
    trusted = trusted_keys.current()
    while trusted is not None:
        try:
            return trusted, _claims(trusted, token, at=at, page=page)
        except _MAYBE_OUTDATED as rejected:
            newer = trusted_keys.after_refusal(trusted)
            if newer is None:
                raise _refusal(rejected) from None
            trusted = newer
        except TokenRejected as rejected:
            raise _refusal(rejected) from None
    raise SessionTokenInvalid


def _claims(trusted: TrustedWorkspace, token: str, *, at: datetime, page: str | None) -> SessionClaims:
    claims = trusted.verifier.verify(token, at=at)
    if claims.expires_at <= at:  # the verifier tolerates a difference of clocks, which would prolong the token
        raise Expired
    if page is not None and claims.authorized_party != page and not trusted.allows(claims.authorized_party or ""):
        raise WrongParty
    return claims


def _refusal(rejected: TokenRejected) -> SessionTokenError:
    logger.debug("A session token was refused: %s", rejected.code)
    return _ERRORS.get(type(rejected), SessionTokenInvalid)()
