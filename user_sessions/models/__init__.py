"""What is stored of sign-ins, and which verbs a row has."""

from user_sessions.models.clients import Client
from user_sessions.models.querysets import UserSessionQuerySet
from user_sessions.models.sessions import NotLive, Status, UserSession
from user_sessions.models.signing_keys import SigningKey, private_key

__all__ = ["Client", "NotLive", "SigningKey", "Status", "UserSession", "UserSessionQuerySet", "private_key"]
