"""A revoked session over HTTP, in two processes of a host: each view refuses it as late as its freshness says."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.embedded import apart
from tests.hosts import environment_of, migrate, run, start_project

pytestmark = apart

# Seconds
CACHED = 1.5
TOKEN_LIFE = 6

SETTINGS = f"""
from datetime import timedelta

USER_SESSIONS = {{
    "SESSION_CACHE_MAX_AGE": timedelta(seconds={CACHED}),
    "SESSION_TOKEN_LIFETIME": timedelta(seconds={TOKEN_LIFE}),
}}
"""
URLS = """
urlpatterns += [path("mine/", include("tests.user_sessions.signed_in_views"))]
"""
SETUP = """
import django
django.setup()
from django.contrib.auth.models import User
from sessions_core.models import ApiKey, Workspace
mine = Workspace.objects.create(name="Mine", is_sandbox=True)
User.objects.create_user("ann")
print(ApiKey.objects.issue(mine, name="a backend", actor="test")[1])
"""


class Process:
    """One process of the host."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, path: str, bearer: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.url + path, data, headers), timeout=20) as answer:
                return answer.status, json.load(answer)
        except HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def statuses(self, token: str, freshness: str) -> list[int]:
        return [self.call(f"/mine/{kind}/{freshness}", token)[0] for kind in ("plain", "later", "rest")]


@contextmanager
def serving(host: Path) -> Iterator[Process]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=host, env=environment_of(host), **quiet) as server:
        process = Process(f"http://127.0.0.1:{port}")
        try:
            wait_for(process)
            yield process
        finally:
            server.terminate()


def wait_for(process: Process) -> None:
    for _ in range(600):
        try:
            process.statuses("x.y.z", "networkless")
            return
        except URLError:
            time.sleep(0.05)
    raise TimeoutError("the host does not answer")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Process], str]]:
    """Yield two processes of one host, and an API key."""
    folder = start_project(tmp_path_factory.mktemp("host"))
    for name, lines in (("settings", SETTINGS), ("urls", URLS)):
        with (folder / "host" / f"{name}.py").open("a") as file:
            file.write(lines)
    migrate(folder)
    api_key = run(folder, sys.executable, "-W", "ignore", "-c", SETUP).strip()
    with ExitStack() as stack:
        yield [stack.enter_context(serving(folder)) for _ in range(2)], api_key


@pytest.mark.promise("P30")
def test_a_revoked_session_is_refused_by_two_processes_as_late_as_each_view_says(host):
    processes, api_key = host
    backend = processes[0]
    session = backend.call("/v1/sessions", api_key, {"user_id": "user_1"})[1]
    begin = time.monotonic()
    token = backend.call(f"/v1/sessions/{session['id']}/tokens", api_key, {})[1]["jwt"]

    def answers(freshness: str) -> set[int]:
        return {status for each in processes for status in each.statuses(token, freshness)}

    assert [answers(each) for each in ("strict", "cached", "networkless")] == [{200}, {200}, {200}]
    assert backend.call(f"/v1/sessions/{session['id']}/revoke", api_key, {})[0] == 200
    revoked = time.monotonic()
    assert answers("strict") == {401}
    time.sleep(max(revoked + CACHED - time.monotonic(), 0))
    assert answers("cached") == {401}
    assert answers("networkless") == {200} or time.monotonic() > begin + TOKEN_LIFE - 1
    time.sleep(max(begin + TOKEN_LIFE + 1 - time.monotonic(), 0))
    assert answers("networkless") == {401}


def test_a_process_that_has_not_read_the_session_refuses_it_at_once(host):
    (first, second), api_key = host
    session = first.call("/v1/sessions", api_key, {"user_id": "user_1"})[1]
    token = first.call(f"/v1/sessions/{session['id']}/tokens", api_key, {})[1]["jwt"]
    assert first.statuses(token, "cached") == [200, 200, 200]
    assert first.call(f"/v1/sessions/{session['id']}/revoke", api_key, {})[0] == 200
    assert second.statuses(token, "cached") == [401, 401, 401]
