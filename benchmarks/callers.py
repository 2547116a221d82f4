"""Distinct callers: ``python -m benchmarks.callers NUMBER`` creates them and prints one request of each as JSON."""

import json
import random
import sys

import django

django.setup()

from benchmarks import rows  # noqa: E402
from benchmarks.load import Request  # noqa: E402
from benchmarks.scene import Scene, bearer, get  # noqa: E402
from client_sessions.models import ClientSession  # noqa: E402
from user_sessions.models import Client  # noqa: E402
from user_sessions.tokens.client_tokens import client_token  # noqa: E402

# Of five callers, three have a client session token, one a session token and one a client token.
KINDS = 5


def requests(number: int) -> list[Request]:
    """Return the requests in a random order, which is the same in each run."""
    part = number // KINDS
    scene = Scene(sessions=1, pool=part)  # mints a session token for each session of its pool
    rows.client_sessions(scene.workspace, scene.accounts, number - 2 * part, prefix="caller")
    mine = ClientSession.objects.filter(workspace=scene.workspace, user_identifier_key__startswith="caller ")
    of_client_sessions = [get("/workspaces/get", bearer(each.token)) for each in mine.iterator()]
    rows.user_sessions(scene.workspace, scene.users, part)
    clients = Client.objects.filter(workspace=scene.workspace).order_by("-created_at", "-pk")[:part]
    of_apps = [get("/v1/client", {"Authorization": client_token(each)}) for each in clients]
    everything = of_client_sessions + [get("/mine", each) for each in scene.session_tokens] + of_apps
    random.Random(1).shuffle(everything)
    return everything


if __name__ == "__main__":
    print(json.dumps(requests(int(sys.argv[1]))))
