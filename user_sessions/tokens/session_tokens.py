"""Tokens minted for a session: session tokens, and tokens from JWT templates."""

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sessions_core.arguments import require_instance
from sessions_core.moments import duration, moment
from user_sessions.conf import settings
from user_sessions.models import JwtTemplate, NotLive, SigningKey, UserSession, UserSessionPolicy
from user_sessions.models.signing_keys import private_key
from user_sessions.models.status import OPEN
from user_sessions.profiles import profile_of
from user_sessions.templating.shortcodes import Template, values_of
from user_sessions.tokens.claims import SessionFacts, session_token_claims, template_token_claims
from user_sessions.tokens.signing import Unsigned, new_token_id
from user_sessions.users import user_id
from user_sessions.verify.verifier import SESSION_TOKEN

__all__ = ["session_token", "template_token"]


# Lifetimes that a caller can request, in seconds. The end of the session is the upper limit.
LIFETIMES = range(30, 315_360_000 + 1)

# Header ``cat``, which distinguishes the kinds of token that one key signs.
TEMPLATE_TOKEN = "cl_B7d4PD222AAA"


def session_token(
    session: UserSession,
    *,
    at: datetime | None = None,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
    is_use: bool = True,
) -> str:
    """Return a session token of a live session.

    With ``is_use=False`` it does not count as use of the session, and nothing is written. A row without
    ``with_token_facts()`` costs one more query. Raise NotLive or OutputTooLarge.
    """
    at = moment(at)
    _require_usable(session, at)
    if is_use:
        session.note_use(at=at)
    return unsigned_session_token(session, at=at, lifetime=lifetime, authorized_party=authorized_party).signed()


def unsigned_session_token(
    session: UserSession,
    *,
    at: datetime | None = None,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
) -> Unsigned:
    """Return the token before it is signed, for a preview. Raise NotLive or OutputTooLarge."""
    at = moment(at)
    _read_token_facts(session, at)
    wanted = settings.session_token_lifetime if lifetime is None else duration(lifetime, name="lifetime")
    claims = session_token_claims(
        _facts(session, at=at, authorized_party=authorized_party),
        at=at,
        lifetime=wanted,
        token_id=new_token_id(),
        version=settings.session_token_version,
        own=None if session.own_claims is None else _rendered(session.own_claims, session),
    )
    kid, key, algorithm = _workspace_key(session, at)
    # With ``oiat`` a browser that has two tokens of one session keeps the later one.
    return Unsigned(claims, {"kid": kid, "cat": SESSION_TOKEN["cat"], "oiat": claims["iat"]}, key, algorithm)


def template_token(
    session: UserSession,
    template: JwtTemplate,
    *,
    at: datetime | None = None,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
) -> str:
    """Return a token of a live session with the claims of a template of the same workspace.

    A row without ``with_token_facts()`` costs one more query. Raise NotLive or OutputTooLarge.
    """
    at = moment(at)
    _require_usable(session, at)
    session.note_use(at=at)
    return unsigned_template_token(
        session, template, at=at, lifetime=lifetime, authorized_party=authorized_party
    ).signed()


def unsigned_template_token(
    session: UserSession,
    template: JwtTemplate,
    *,
    at: datetime | None = None,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
) -> Unsigned:
    """Return the token before it is signed, for a preview. Raise NotLive or OutputTooLarge."""
    at = moment(at)
    if template.workspace_id != session.workspace_id:
        raise ValueError("template must belong to the workspace of the session.")
    _read_token_facts(session, at)
    wanted = timedelta(seconds=template.lifetime) if lifetime is None else duration(lifetime, name="lifetime")
    claims = template_token_claims(
        _facts(session, at=at, authorized_party=authorized_party),
        at=at,
        lifetime=min(wanted, settings.template_token_max_lifetime),
        skew=timedelta(seconds=template.allowed_clock_skew),
        token_id=new_token_id(),
        own=_rendered(template.claims, session),
    )
    if template.has_own_key:  # no key set lists it, so a kid would be useless
        return Unsigned(claims, {"cat": TEMPLATE_TOKEN}, template.own_key(), template.signing_algorithm)
    kid, key, algorithm = _workspace_key(session, at)
    return Unsigned(claims, {"kid": kid, "cat": TEMPLATE_TOKEN}, key, algorithm)


def _require_usable(session: UserSession, at: datetime) -> None:
    """Raise NotLive if the session cannot mint tokens."""
    _read_token_facts(session, at)
    if not session.is_usable(at):
        raise NotLive


def _read_token_facts(session: UserSession, at: datetime) -> None:
    """Raise ValueError if ``session`` is not a UserSession, and NotLive if its row was deleted."""
    require_instance(session, UserSession, name="session")
    session.read_token_facts(at=at)


def _facts(session: UserSession, *, at: datetime, authorized_party: str | None) -> SessionFacts:
    """Return the facts for a token. Raise NotLive if the session is over."""
    status = session.status_at(at)
    if status not in OPEN:
        raise NotLive
    return SessionFacts(
        issuer=UserSessionPolicy.of(session.workspace).issuer,
        user_id=user_id(session.user_id),
        session_id=session.pk,
        status=status,
        verified_at=session.verified_at,
        second_factor_at=session.second_factor_at,
        expire_at=session.expire_at,
        impersonator=session.impersonator,
        authorized_party=authorized_party,
    )


def _rendered(claims: str, session: UserSession) -> dict[str, Any]:
    is_reverified = session.reverifying_since is None and session.reverification_id != ""
    values = values_of(
        profile_of(session.user),
        user_id=user_id(session.user_id),
        impersonator=session.impersonator,
        reverification_id=session.reverification_id if is_reverified else None,
        amr=session.amr,
        verified_at=session.verified_at,
    )
    return _compiled(claims).render(values)


# Cached by the text of the claims, so an entry never becomes stale.
@lru_cache(maxsize=256)
def _compiled(claims: str) -> Template:
    return Template.compile(json.loads(claims))


def _workspace_key(session: UserSession, at: datetime) -> tuple[str, Any, str]:
    kid = session.signing_kid or SigningKey.objects.current(session.workspace, at=at).kid
    return kid, *private_key(kid)
