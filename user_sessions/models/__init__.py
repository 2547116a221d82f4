"""What is stored of sign-ins, and which verbs a row has."""

from user_sessions.models.clients import Client
from user_sessions.models.querysets import UserSessionQuerySet
from user_sessions.models.refusals import ForeignClient, NotLive, UserInactive, UserSessionError
from user_sessions.models.sessions import UserSession
from user_sessions.models.signing_keys import SigningKey, private_key
from user_sessions.models.status import Status

__all__ = [
    "Client",
    "ForeignClient",
    "NotLive",
    "SigningKey",
    "Status",
    "UserInactive",
    "UserSession",
    "UserSessionError",
    "UserSessionQuerySet",
    "private_key",
]
