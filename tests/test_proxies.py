"""The samples of docs/configuration.md, "Behind a proxy": no forged header reaches this server in any spelling."""

import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.embedded import apart
from tests.proxies import HOST, PROXIES, calling, free_port
from tests.test_serve import LIVE, ROOT, environment, migrate
from tests.test_server import Served

pytestmark = [apart, pytest.mark.parametrize("proxy", PROXIES)]

SIGN_IN = "POST /v1/client/sign_ins?_is_native=1 HTTP/1.1"
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Served]:
    """Start a live server that allows 60 sign-ins a day: a minute could end during the test."""
    data, port = tmp_path_factory.mktemp("data"), free_port()
    proxied = {"GATEPASS_URL": f"https://{HOST}", "GATEPASS_TRUSTED_PROXIES": "1"}
    own = environment(data, **LIVE, **proxied, GATEPASS_SIGN_IN_RATES="visitor=60/day")
    migrate(data)
    bootstrap = [sys.executable, "manage.py", "bootstrap", "Acme", "--json"]
    subprocess.run(bootstrap, cwd=ROOT, env=own, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "sessions_project.server", "127.0.0.1", str(port), "1"]
    with subprocess.Popen(command, cwd=ROOT, env=own) as process:
        try:
            served = Served(process, port)
            served.wait(host=HOST)
            yield served
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def test_a_forged_address_does_not_pass_the_limit_of_sign_ins(server, proxy, tmp_path):
    with calling(proxy, tmp_path, server.port) as caller:
        names = ["X-Forwarded-For", "X_Forwarded_For", "x-forwarded_for", "X-Forwarded_For"]
        statuses = Counter(
            caller.ask(SIGN_IN, FORM, *(f"{name}: 192.0.2.{n}" for name in names), body=b"identifier=nobody").status
            for n in range(75)
        )
    assert statuses == {422: 60, 429: 15}


def test_a_forged_protocol_does_not_turn_https_into_http(server, proxy, tmp_path):
    with calling(proxy, tmp_path, server.port) as caller:
        forged = [f"{name}: http" for name in ("X-Forwarded-Proto", "X_Forwarded_Proto", "x-forwarded_proto")]
        answer = caller.ask("GET / HTTP/1.1", *forged)
    assert (answer.status, "Strict-Transport-Security" in answer.headers) == (200, True)


def test_trusted_headers_are_set_and_none_has_an_underscore(proxy, tmp_path):
    forged = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http", "X_Forwarded_Proto: http"]
    credentials = ["client_session_token: seam_cst_x", "Seam-Publishable_Key: x", "seam_workspace: x"]
    with recorder() as (port, heard), calling(proxy, tmp_path, port) as caller:
        caller.ask("GET / HTTP/1.1", *forged, *credentials, "client-session-token: real", f"Long: {'x' * 20_000}")
    headers = [(name, value) for name, value in heard if name.startswith(("x-forwarded-for", "x-forwarded-proto"))]
    assert sorted(headers) == [("x-forwarded-for", caller.address), ("x-forwarded-proto", "https")]
    assert not [name for name, _ in heard if "_" in name]
    assert {("host", HOST), ("client-session-token", "real")} <= set(heard)


def test_large_answers_and_bodies_pass(proxy, tmp_path):
    location = f"Location: https://app.example.com/?{'x' * 20_000}\r\n"
    with recorder(location) as (port, heard), calling(proxy, tmp_path, port) as caller:
        answer = caller.ask("POST / HTTP/1.1", body=b"x" * 3 * 1024 * 1024)
    assert (answer.status, len(answer.headers["Location"])) == (200, 20_025)
    assert ("content-length", str(3 * 1024 * 1024)) in heard


@contextmanager
def recorder(answer: str = "") -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield a port that answers one request, and the headers of that request."""
    heard: list[tuple[str, str]] = []

    def hear() -> None:
        client, _ = listener.accept()
        with client, client.makefile("rb") as sent:
            sent.readline()
            for line in iter(sent.readline, b"\r\n"):
                name, _, value = line.decode().partition(":")
                heard.append((name.lower(), value.strip()))
            sent.read(int(dict(heard).get("content-length", 0)))
            client.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{answer}Content-Length: 2\r\n\r\nok".encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=hear, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join(20)
