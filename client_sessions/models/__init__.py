"""Client sessions, grants, personal access tokens and the policy of a workspace."""

from client_sessions.exceptions import ClientSessionError, GrantConflict, KeyTaken, NotLive
from client_sessions.models import forgetting  # noqa: F401  (connects signal receivers)
from client_sessions.models.grants import ALL, Action, Grant, Terms
from client_sessions.models.personal_access_tokens import PersonalAccessToken
from client_sessions.models.policies import ClientSessionPolicy
from client_sessions.models.querysets import ClientSessionQuerySet
from client_sessions.models.sessions import ClientSession, Status
from client_sessions.wanted import Wanted

__all__ = [
    "ALL",
    "Action",
    "ClientSession",
    "ClientSessionError",
    "ClientSessionPolicy",
    "ClientSessionQuerySet",
    "Grant",
    "GrantConflict",
    "KeyTaken",
    "NotLive",
    "PersonalAccessToken",
    "Status",
    "Terms",
    "Wanted",
]
