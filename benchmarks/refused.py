"""Requests that are refused, each beside the accepted request that it must not cost more than."""

from typing import TYPE_CHECKING
from uuid import uuid4

from benchmarks.load import Operation, Request

if TYPE_CHECKING:
    from benchmarks.scene import Scene

LARGEST_BODY = 1024 * 1024
IDS = 10_000


def refused_operations(scene: "Scene") -> list[Operation]:
    own_key = scene.by_key["Authorization"]
    session = f"/v1/sessions/{scene.sessions[0]}"
    one_session = f"/client_sessions/get?client_session_id={scene.live[0]}"
    ids = [str(uuid4()) for _ in range(IDS)]
    # Of exactly this size, so it is read whole. It is invalid because of its first member.
    filler = "x" * (LARGEST_BODY - len('{"connected_account_ids": 1, "x": ""}'))
    largest = {"connected_account_ids": 1, "x": filler}
    forged_key, unknown_key = _forged(own_key), _unknown(own_key)
    forged_token = _forged(scene.tokens[0]["Authorization"])
    return [
        _refused("forged client session token", "session token check", 401, _get("/workspaces/get", forged_token)),
        _refused("forged API key", "get client session", 401, _get(one_session, forged_key)),
        _refused("forged API key, user sessions", "get session", 401, _get(session, forged_key)),
        _refused("unknown API key", "get client session", 401, _get(one_session, unknown_key)),
        _refused("unknown API key, user sessions", "get session", 401, _get(session, unknown_key)),
        _refused("unknown session", "get session", 404, _get(session[:-1] + "_", own_key)),
        _refused(
            "body of the largest size", "create client session", 400, scene.post("/client_sessions/create", largest)
        ),
        _refused(
            "10,000 ids in one parameter",
            "create client session",
            404,
            scene.post("/client_sessions/create", {"connected_account_ids": ids}),
        ),
        # Accepted, and the answer is an empty list.
        _refused(
            "10,000 ids in a filter", "list of ten devices", 200, scene.post("/devices/list", {"device_ids": ids})
        ),
        *_of_hosts(scene),
    ]


def _of_hosts(scene: "Scene") -> list[Operation]:
    if not scene.session_tokens:
        return []
    forged = _forged(scene.session_tokens[0]["Authorization"])
    return [_refused("forged session token", "host's view, first use of a token", 401, _get("/mine", forged))]


def _refused(name: str, good: str, status: int, request: Request) -> Operation:
    return Operation(name=name, good=good, status=status, requests=[request])


def _get(path: str, credential: str) -> Request:
    return Request("GET", path, {"Authorization": credential})


def _forged(credential: str) -> str:
    """Return the credential with another secret part: its row exists."""
    return credential[:-10] + credential[-10:].swapcase()


def _unknown(credential: str) -> str:
    """Return an API key of the same form whose row does not exist."""
    head, _, secret = credential.rpartition("_")
    return f"{head[:-4]}zzzz_{secret}"
