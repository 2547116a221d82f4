"""How a token is signed. Only this module and ``user_sessions.verify``, which takes tokens apart, import ``jwt``."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

from sessions_core.api import is_storable
from sessions_core.models import Workspace
from sessions_core.moments import duration, moment
from sessions_core.tokens import DerivedKey, DerivedKind
from user_sessions.claims import session_token_claims, template_token_claims, ticket_claims
from user_sessions.conf import settings
from user_sessions.facts import require_token_facts, session_facts
from user_sessions.models import Client, JwtTemplate, SigningKey, Ticket, UserSession, private_key
from user_sessions.profiles import profile_of
from user_sessions.shortcodes import OutputTooLarge, Template, values_of
from user_sessions.users import user_id
from user_sessions.verify import KeySet, TokenRejected
from user_sessions.verify.form import MAX_CHARACTERS, Parts, parse
from user_sessions.verify.verifier import SESSION_TOKEN

__all__ = [
    "LIFETIMES",
    "ClientClaims",
    "Unsigned",
    "client_token",
    "cookie_suffix",
    "handshake_nonce",
    "handshake_token",
    "is_refresh_token_of",
    "read_client_token",
    "read_handshake_nonce",
    "read_ticket_token",
    "refresh_token",
    "session_token",
    "template_token",
    "ticket_token",
    "unsigned_session_token",
    "unsigned_template_token",
]

# What a caller may ask for, in seconds; the session's own end clamps it.
LIFETIMES = range(30, 315_360_000 + 1)

# Protected header ``cat``: tells the kinds of token that one key signs from each other.
TEMPLATE_TOKEN = "cl_B7d4PD222AAA"
# SDKs must not take a handshake's token for a session token.
HANDSHAKE_TOKEN = "cl_I7d4PD111III"

# Only we read these, so they are signed with keys that only we have.
OWN_ALGORITHM = "HS256"
CLIENT_KEY = DerivedKey("client token")
HANDSHAKE_KEY = DerivedKey("handshake nonce")

REFRESH_TOKEN = DerivedKind("rt_", short_length=27)


@dataclass(frozen=True)
class ClientClaims:
    """What the token of a client says: whose it is, of which generation, and the key that derived it."""

    client_id: str
    rotation: str
    key_id: str

    def is_of(self, client: Client) -> bool:
        """Whether it is the client's present token."""
        key_id, _ = CLIENT_KEY.current(client.token_key)
        return (self.client_id, self.rotation, self.key_id) == (client.pk, client.rotation, key_id)


@dataclass(frozen=True)
class Unsigned:
    """What a token will say, and the key that is to sign it."""

    claims: dict[str, Any]
    header: dict[str, Any]
    key: Any = field(repr=False)
    algorithm: str

    def signed(self) -> str:
        """Raises OutputTooLarge."""
        token = jwt.encode(self.claims, self.key, self.algorithm, headers=self.header)
        if self.header.get("cat") == SESSION_TOKEN["cat"] and len(token) > MAX_CHARACTERS:
            raise OutputTooLarge("no verifier reads a session token of this length")
        return token


def session_token(
    session: UserSession,
    *,
    at: datetime,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
    is_use: bool = True,
) -> str:
    """A session token of a live session, which must have come ``with_token_facts()``. One that only rides along with
    something else is no use of the session, and nothing is written.

    Raises NotLive, OutputTooLarge.
    """
    require_token_facts(session)
    if is_use:
        session.note_use(at=at)
    return unsigned_session_token(session, at=at, lifetime=lifetime, authorized_party=authorized_party).signed()


def unsigned_session_token(
    session: UserSession,
    *,
    at: datetime,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
) -> Unsigned:
    """The same before it is signed, as a preview shows it. Raises NotLive, OutputTooLarge."""
    at = moment(at)
    wanted = settings.session_token_lifetime if lifetime is None else duration(lifetime, name="lifetime")
    claims = session_token_claims(
        session_facts(session, at=at, authorized_party=authorized_party),
        at=at,
        lifetime=wanted,
        token_id=_token_id(),
        version=settings.session_token_version,
        own=None if session.own_claims is None else _rendered(session.own_claims, session),
    )
    kid, key, algorithm = _workspace_key(session, at)
    # ``oiat`` lets a browser with two tokens of one session keep the later.
    return Unsigned(claims, {"kid": kid, "cat": SESSION_TOKEN["cat"], "oiat": claims["iat"]}, key, algorithm)


def template_token(
    session: UserSession,
    template: JwtTemplate,
    *,
    at: datetime,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
) -> str:
    """A token of the template's own claims, for a live session that came ``with_token_facts()``.

    Raises NotLive, OutputTooLarge.
    """
    require_token_facts(session)
    session.note_use(at=at)
    return unsigned_template_token(
        session, template, at=at, lifetime=lifetime, authorized_party=authorized_party
    ).signed()


def unsigned_template_token(
    session: UserSession,
    template: JwtTemplate,
    *,
    at: datetime,
    lifetime: timedelta | None = None,
    authorized_party: str | None = None,
) -> Unsigned:
    """The same before it is signed, as a preview shows it. Raises NotLive, OutputTooLarge."""
    at = moment(at)
    wanted = timedelta(seconds=template.lifetime) if lifetime is None else duration(lifetime, name="lifetime")
    claims = template_token_claims(
        session_facts(session, at=at, authorized_party=authorized_party),
        at=at,
        lifetime=min(wanted, settings.template_token_max_lifetime),
        skew=timedelta(seconds=template.allowed_clock_skew),
        token_id=_token_id(),
        own=_rendered(template.claims, session),
    )
    if template.has_own_key:  # which no key set lists, so a kid would say nothing
        return Unsigned(claims, {"cat": TEMPLATE_TOKEN}, template.own_key(), template.signing_algorithm)
    kid, key, algorithm = _workspace_key(session, at)
    return Unsigned(claims, {"kid": kid, "cat": TEMPLATE_TOKEN}, key, algorithm)


def ticket_token(ticket: Ticket, *, at: datetime) -> str:
    """The text of a ticket, as it is shown to the backend that made it."""
    claims = ticket_claims(
        workspace_id=str(ticket.workspace_id),
        ticket_id=ticket.pk,
        kind=ticket.kind,
        lifetime=ticket.expire_at - ticket.created_at,
        end=ticket.expire_at,
    )
    kid = SigningKey.objects.current(ticket.workspace, at=at).kid
    return Unsigned(claims, {"kid": kid}, *private_key(kid)).signed()


def read_ticket_token(text: str, workspace: Workspace) -> str | None:
    """The id of the ticket that a text of this workspace is for, whether or not its time is over. Any key will do that
    was not revoked: a ticket may live longer than the key that signed it is published."""
    try:
        parts = parse(text)
    except TokenRejected:
        return None
    if not is_storable(parts.kid or ""):
        return None
    keys = SigningKey.objects.filter(workspace=workspace, kid=parts.kid, revoked_at=None)
    key = KeySet.from_jwks({"keys": list(keys.values_list("public_jwk", flat=True))}).key_for(parts.kid or "")
    if key is None or parts.header.get("alg") != key.algorithm or not key.has_signed(parts.signed, parts.signature):
        return None
    # The same keys sign other tokens, all of which say what they are; a template's claims can say anything.
    is_ticket = "cat" not in parts.header and parts.payload.get("st") in Ticket.Kind.values
    return parts.payload["sid"] if is_ticket and parts.payload.get("iid") == str(workspace.pk) else None


def client_token(client: Client) -> str:
    """What a client shows to be known as itself. It is derived: the row alone makes none, and of a new ``rotation``
    there is a new one, and the old one is dead."""
    key_id, key = CLIENT_KEY.current(client.token_key)
    return jwt.encode({"id": client.pk, "rotating_token": client.rotation}, key, OWN_ALGORITHM, {"kid": key_id})


def read_client_token(text: str) -> ClientClaims | None:
    """What a client's token says, if one of our keys made it; no query needed to refuse the rest."""
    parts = _own_parts(text, CLIENT_KEY)
    if parts is None:
        return None
    return ClientClaims(parts.payload["id"], parts.payload["rotating_token"], parts.kid or "")


def handshake_nonce(facts: Mapping[str, Any], *, expire_at: datetime) -> str:
    """What an app's server exchanges, once and with its secret key, for the cookies of a browser. It opens nothing
    without that key."""
    key_id, key = HANDSHAKE_KEY.current("")
    claims = {**facts, "jti": _token_id(), "exp": int(expire_at.timestamp())}
    return jwt.encode(claims, key, OWN_ALGORITHM, {"kid": key_id})


def read_handshake_nonce(text: str) -> dict[str, Any] | None:
    """What a nonce says, if one of our keys made it, whether or not its time is over."""
    parts = _own_parts(text, HANDSHAKE_KEY)
    return None if parts is None else parts.payload


def handshake_token(workspace: Workspace, directives: Sequence[str], *, at: datetime) -> str:
    """The cookies of a browser on the way to an app's server, signed with the workspace's key."""
    kid = SigningKey.objects.current(workspace, at=at).kid
    header = {"kid": kid, "cat": HANDSHAKE_TOKEN}
    return Unsigned({"handshake": list(directives)}, header, *private_key(kid)).signed()


def _own_parts(text: str, purpose: DerivedKey) -> Parts | None:
    """What only we can have signed for this purpose."""
    try:
        parts = parse(text)
    except TokenRejected:
        return None
    key = purpose.get(parts.kid or "")
    if key is None or parts.header.get("alg") != OWN_ALGORITHM:
        return None
    is_ours = HMACAlgorithm(HMACAlgorithm.SHA256).verify(parts.signed, key, parts.signature)
    return parts if is_ours else None


def refresh_token(session: UserSession) -> str:
    """What lets an app's server have an expired session token of this session made anew; dead with the client's key."""
    return REFRESH_TOKEN.token(_ksuid(session), session.client.token_key)


def is_refresh_token_of(session: UserSession, text: str) -> bool:
    presented = REFRESH_TOKEN.check(text)
    return (
        presented is not None
        and presented.short == _ksuid(session)
        and REFRESH_TOKEN.agrees(presented, session.client.token_key)
    )


def cookie_suffix(publishable_key: str) -> str:
    """What SDKs append to the names of cookies, so that two applications on one host do not meet."""
    return urlsafe_b64encode(hashlib.sha1(publishable_key.encode(), usedforsecurity=False).digest())[:8].decode()


def _ksuid(session: UserSession) -> str:
    return session.pk.removeprefix("sess_")


def _rendered(claims: str, session: UserSession) -> dict[str, Any]:
    is_reverified = session.reverifying_since is None and session.reverification_id != ""
    values = values_of(
        profile_of(session.user),
        user_id=user_id(session.user_id),
        actor=session.actor,
        reverification_id=session.reverification_id if is_reverified else None,
    )
    return _compiled(claims).render(values)


# By the text of the claims, so that what is kept here never goes stale.
@lru_cache(maxsize=256)
def _compiled(claims: str) -> Template:
    return Template.compile(json.loads(claims))


def _workspace_key(session: UserSession, at: datetime) -> tuple[str, Any, str]:
    kid = session.signing_kid or SigningKey.objects.current(session.workspace, at=at).kid
    return kid, *private_key(kid)


def _token_id() -> str:
    return secrets.token_hex(10)
