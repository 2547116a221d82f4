"""Models of user sessions, their clients, tickets, templates and signing keys."""

from user_sessions.exceptions import (
    AlreadySignedIn,
    AudienceRefused,
    ForeignClient,
    Impersonated,
    ImpersonationRefused,
    KeyMissing,
    NameRefused,
    NameTaken,
    NonceSpent,
    NotLive,
    NotPending,
    OfSessionTokens,
    ReservedClaim,
    ReverificationMissing,
    SessionExists,
    SignInRefused,
    StaleClient,
    TemplateChanged,
    TemplateGone,
    TicketExpired,
    TooManySessions,
    UserInactive,
    UserSessionError,
)
from user_sessions.models import bulk_revocations, nonces  # noqa: F401  (their models)
from user_sessions.models.activities import Activity
from user_sessions.models.clients import Client
from user_sessions.models.epochs import Epoch
from user_sessions.models.imported_sessions import ImportedSession
from user_sessions.models.jwt_templates import Definition, JwtTemplate
from user_sessions.models.policies import LimitPolicy, ReusePolicy, SigningAlgorithm, UserSessionPolicy
from user_sessions.models.querysets import UserSessionQuerySet
from user_sessions.models.sessions import UserSession
from user_sessions.models.sign_ins import SignIn
from user_sessions.models.signing_keys import SigningKey, Stage
from user_sessions.models.status import Status
from user_sessions.models.template_versions import JwtTemplateVersion
from user_sessions.models.tickets import Ticket

__all__ = [
    "Activity",
    "AlreadySignedIn",
    "AudienceRefused",
    "Client",
    "Definition",
    "Epoch",
    "ForeignClient",
    "Impersonated",
    "ImpersonationRefused",
    "ImportedSession",
    "JwtTemplate",
    "JwtTemplateVersion",
    "KeyMissing",
    "LimitPolicy",
    "NameRefused",
    "NameTaken",
    "NonceSpent",
    "NotLive",
    "NotPending",
    "OfSessionTokens",
    "ReservedClaim",
    "ReusePolicy",
    "ReverificationMissing",
    "SessionExists",
    "SignIn",
    "SignInRefused",
    "SigningAlgorithm",
    "SigningKey",
    "Stage",
    "StaleClient",
    "Status",
    "TemplateChanged",
    "TemplateGone",
    "Ticket",
    "TicketExpired",
    "TooManySessions",
    "UserInactive",
    "UserSession",
    "UserSessionError",
    "UserSessionPolicy",
    "UserSessionQuerySet",
]
