"""Several accounts on one client: a table of transitions, which the pages also show.

``was`` and ``then`` list users in the order of their sign-ins, the active one in capitals; ``*`` means impersonated,
and the text after ``/`` is the reason why a listed user is not signed in. ``credential`` is the client's token
afterwards: kept, new (the old one is invalid), or dead (there is no valid one).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.user_sessions.frontend import Frontend
from user_sessions.models import UserSession

__all__ = ["DEAD", "KEPT", "MULTI", "NEW", "SINGLE", "Room", "Row"]

ACTOR = {"sub": "user_operator"}
KEPT, NEW, DEAD = "kept", "new", "dead"


@dataclass
class Room:
    """A client with its users and their latest sessions."""

    frontend: Frontend
    users: dict[str, Any]
    sessions: dict[str, UserSession]
    backend: Any

    def sign_in(self, name: str, **how: Any) -> Any:
        response = self.frontend.try_to_sign_in(self.users[name], **how)
        if response.status_code == 200:
            self.sessions[name] = UserSession.objects.get(pk=response.json()["response"]["created_session_id"])
        return response

    def verb(self, name: str, verb: str, **form: str) -> Any:
        return self.frontend.verb(self.sessions[name], verb, **form)

    def begin(self, was: str) -> None:
        """Sign in and sign out users until the client is in the state ``was``."""
        names = was.split()
        for name in names:
            who, _, ended = name.partition("/")
            assert (
                self.sign_in(who.strip("*").lower(), **({"impersonator": ACTOR} if "*" in who else {})).status_code
                == 200
            )
            assert not ended or self.verb(who, "end").status_code == 200
        for name in names[:-1]:
            assert not name.isupper() or self.verb(name.lower(), "touch").status_code == 200

    def seen(self) -> str:
        """Return the listed users in the notation of a row."""
        client = self.frontend.client_json() if self.frontend.credential else None
        sessions = reversed(client["sessions"]) if client else ()
        return " ".join(_word(session, in_use=client["last_active_session_id"]) for session in sessions)


def _word(session: dict[str, Any], *, in_use: str) -> str:
    name = session["user"]["username"]
    over = "" if session["status"] == "active" else f"/{session['status']}"
    return f"{name.upper() if session['id'] == in_use else name}{'*' if session['actor'] else ''}{over}"


@dataclass(frozen=True)
class Row:
    """One transition. ``refused`` is the status and the code of the response, empty for 200."""

    what: str
    do: Callable[[Room], Any]
    was: str
    then: str
    credential: str = KEPT
    refused: str = ""

    @property
    def sets_signed_in_cookie(self) -> bool:
        """Return True if ``__client_uat`` is positive afterwards."""
        return any(name.isupper() for name in self.then.split())


def end(name: str) -> Callable[[Room], Any]:
    return lambda room: room.verb(name, "end")


def remove(name: str) -> Callable[[Room], Any]:
    return lambda room: room.verb(name, "remove")


def switch(name: str) -> Callable[[Room], Any]:
    return lambda room: room.verb(name, "touch", intent="select_session")


def revoke(name: str) -> Callable[[Room], Any]:
    """Revoke a session as its user, from the list of their sessions."""
    return lambda room: room.frontend.post(f"v1/me/sessions/{room.sessions[name].pk}/revoke")


def sign_in(name: str) -> Callable[[Room], Any]:
    return lambda room: room.sign_in(name)


def impersonate(name: str) -> Callable[[Room], Any]:
    return lambda room: room.sign_in(name, impersonator=ACTOR)


def sign_out_all(room: Room) -> Any:
    return room.frontend.post("v1/client/sessions", "?_method=DELETE")


def forget(room: Room) -> Any:
    return room.frontend.post("v1/client", "?_method=DELETE")


def mint(room: Room) -> Any:
    return room.verb("ann", "tokens")


def revoke_from_outside(name: str) -> Callable[[Room], Any]:
    """Revoke a session as a backend. Return the client's next read."""

    def by_backend(room: Room) -> Any:
        room.backend.post(f"v1/sessions/{room.sessions[name].pk}/revoke")
        return room.frontend.get("v1/client")

    return by_backend


def reverify(room: Room) -> Any:
    assert room.verb("ann", "verify", level="first_factor").status_code == 200
    return room.verb("ann", "verify/attempt_first_factor", strategy="password", password="secret")


EXISTS, SAME_USER, BESIDE = (
    "400 session_exists",
    "400 identifier_already_signed_in",
    "409 session_creation_not_allowed",
)

MULTI = [
    Row("a user signs in", sign_in("ann"), "", "ANN", NEW),
    Row("a second user signs in", sign_in("bob"), "ANN", "ann BOB", NEW),
    Row("a third user signs in", sign_in("cat"), "ann BOB", "ann bob CAT", NEW),
    Row("the same user signs in again", sign_in("ann"), "ann BOB", "ann BOB", refused=SAME_USER),
    Row("switch to another session", switch("ann"), "ann BOB", "ANN bob", NEW),
    Row("touch the session in use", switch("bob"), "ann BOB", "ann BOB"),
    Row("mint a token for another session", mint, "ann BOB", "ann BOB"),
    Row("the user of the session in use re-authenticates", reverify, "ANN bob", "ANN bob", NEW),
    Row("end the session in use", end("bob"), "ann BOB", "ANN bob/ended"),
    Row("end another session", end("ann"), "ann BOB", "ann/ended BOB"),
    Row("end the last session", end("ann"), "ANN", "ann/ended"),
    Row("sign in again after that", sign_in("bob"), "ann/ended", "ann/ended BOB", NEW),
    Row("remove the session in use", remove("bob"), "ann BOB", "ANN"),
    Row("remove another session", remove("ann"), "ann BOB", "BOB"),
    Row("remove the last session", remove("ann"), "ANN", ""),
    Row("revoke the session in use", revoke("bob"), "ann BOB", "ANN bob/revoked"),
    Row("remove an ended session", remove("ann"), "ann/ended", ""),
    Row("a backend revokes the session in use", revoke_from_outside("bob"), "ann BOB", "ANN bob/revoked"),
    Row("sign out of all sessions", sign_out_all, "ann BOB", ""),
    Row("delete the client", forget, "ann BOB", "", DEAD),
    Row("impersonate a user", impersonate("cat"), "ann BOB", "ann/replaced bob/replaced CAT*", NEW),
    Row("impersonate a user who is signed in", impersonate("ann"), "ann BOB", "ann/replaced bob/replaced ANN*", NEW),
    Row("sign in during an impersonation", sign_in("ann"), "CAT*", "CAT*", refused=BESIDE),
    Row("impersonate another user during an impersonation", impersonate("ann"), "CAT*", "CAT*", refused=BESIDE),
    Row("end an impersonation", end("cat"), "CAT*", "cat*/ended", NEW),
    Row("remove an impersonation", remove("cat"), "CAT*", "", NEW),
    Row("revoke the impersonation in use", revoke("cat"), "CAT*", "cat*/revoked", NEW),
    Row("a backend revokes an impersonation", revoke_from_outside("cat"), "CAT*", "cat*/revoked"),
    Row("sign out of all sessions during an impersonation", sign_out_all, "CAT*", "", NEW),
    Row("delete the client during an impersonation", forget, "CAT*", "", DEAD),
]

SINGLE = [
    Row("a user signs in", sign_in("ann"), "", "ANN", NEW),
    Row("a second user signs in", sign_in("bob"), "ANN", "ANN", refused=EXISTS),
    Row("the same user signs in again", sign_in("ann"), "ANN", "ANN", refused=EXISTS),
    Row("touch the session in use", switch("ann"), "ANN", "ANN"),
    Row("the user of the session in use re-authenticates", reverify, "ANN", "ANN", NEW),
    Row("end the last session", end("ann"), "ANN", "ann/ended"),
    Row("sign in again after that", sign_in("bob"), "ann/ended", "ann/ended BOB", NEW),
    Row("remove the last session", remove("ann"), "ANN", ""),
    Row("a backend revokes the session in use", revoke_from_outside("ann"), "ANN", ""),
    Row("sign out of all sessions", sign_out_all, "ANN", ""),
    Row("delete the client", forget, "ANN", "", DEAD),
    Row("impersonate a user", impersonate("cat"), "ANN", "ann/replaced CAT*", NEW),
    Row("sign in during an impersonation", sign_in("ann"), "CAT*", "CAT*", refused=BESIDE),
    Row("end an impersonation", end("cat"), "CAT*", "cat*/ended", NEW),
]
