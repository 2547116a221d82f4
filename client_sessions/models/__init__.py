"""What is stored of client sessions, which verbs a session has, and how sessions are found."""

from client_sessions.models.grants import Grant
from client_sessions.models.querysets import TOKEN, ClientSessionQuerySet
from client_sessions.models.refusals import ClientSessionError, GrantConflict, KeyTaken, NotLive
from client_sessions.models.sessions import CLIENT_SESSION, ClientSession, State

__all__ = [
    "CLIENT_SESSION",
    "TOKEN",
    "ClientSession",
    "ClientSessionError",
    "ClientSessionQuerySet",
    "Grant",
    "GrantConflict",
    "KeyTaken",
    "NotLive",
    "State",
]
