"""What is stored of sign-ins, and which verbs a row has."""

from user_sessions.models.clients import Client
from user_sessions.models.epochs import Epoch
from user_sessions.models.jwt_templates import Definition, JwtTemplate
from user_sessions.models.querysets import LEAVES, UserSessionQuerySet
from user_sessions.models.refusals import (
    AlreadySignedIn,
    ForeignClient,
    Impersonated,
    KeyMissing,
    NameTaken,
    NotLive,
    NotPending,
    OfSessionTokens,
    SessionExists,
    TemplateGone,
    TooManySessions,
    UserInactive,
    UserSessionError,
)
from user_sessions.models.sessions import UserSession
from user_sessions.models.signing_keys import SigningKey, Stage, private_key
from user_sessions.models.status import Status
from user_sessions.models.tickets import Ticket

__all__ = [
    "LEAVES",
    "AlreadySignedIn",
    "Client",
    "Definition",
    "Epoch",
    "ForeignClient",
    "Impersonated",
    "JwtTemplate",
    "KeyMissing",
    "NameTaken",
    "NotLive",
    "NotPending",
    "OfSessionTokens",
    "SessionExists",
    "SigningKey",
    "Stage",
    "Status",
    "TemplateGone",
    "Ticket",
    "TooManySessions",
    "UserInactive",
    "UserSession",
    "UserSessionError",
    "UserSessionQuerySet",
    "private_key",
]
