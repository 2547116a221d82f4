"""How the keys at a URL are fetched, cached and dropped, with a real server on a loopback port."""

import json
import re
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread, Timer
from typing import Any

import pytest

from tests.user_sessions.test_verify import OURS, jwk, refusal, token
from user_sessions.verify import JwksUrl, KeysUnavailable, UnknownKey
from user_sessions.verify.remote import UNKNOWN_KID_FETCHES


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append(self.headers)
        self.server.may_answer.wait(10)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for byte in [bytes([byte]) for byte in self.server.body] if self.server.pause else [self.server.body]:
            self.wfile.write(byte)
            time.sleep(self.server.pause)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A key set on a loopback port. The test sets its responses; it records the request headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1/jwks"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pause = 0.0
        self.asked: list[Message] = []
        self.may_answer = Event()
        self.may_answer.set()
        self.publish(*OURS)

    def publish(self, *kids: str) -> None:
        self.body = json.dumps({"keys": [jwk("RS256", kid=kid) for kid in kids]}).encode()

    def handle_error(self, *_: Any) -> None:
        """Ignore errors: clients may close the connection."""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(server, clock) -> JwksUrl:
    return JwksUrl(server.url, headers={"Authorization": "Bearer sk_test_1"}, clock=clock)


def is_accepted(keys: JwksUrl, kid: str = "RS256") -> bool:
    reason = refusal(token({"kid": kid}), keys=keys)
    assert reason in (None, UnknownKey)
    return reason is None


def test_a_key_set_is_fetched_once_with_the_credential(server, keys):
    assert is_accepted(keys) and is_accepted(keys, "ES256")
    assert [asked["Authorization"] for asked in server.asked] == ["Bearer sk_test_1"]


@pytest.mark.parametrize(
    ("cache_control", "age"),
    [
        (None, 300),
        ("no-store", 300),
        ("max-age=forever", 300),
        ("public, max-age=3600", 300),
        ("private, Max-Age=60", 60),
        ('max-age="60"', 60),
        ("max-age=0", 10),
        ("s-maxage=20", 300),
    ],
)
def test_a_key_set_is_cached_as_long_as_both_sides_allow(server, keys, clock, cache_control, age):
    server.headers = {"Cache-Control": cache_control} if cache_control else {}
    for later, fetches in [(0, 1), (age - 1, 1), (1, 2)]:
        clock.now += later
        assert is_accepted(keys) and len(server.asked) == fetches


def test_an_unchanged_key_set_is_not_sent_again(server, keys, clock):
    server.headers = {"ETag": '"1"'}
    assert is_accepted(keys)
    server.status, server.body = 304, b""
    for _ in range(2):
        clock.now += 300
        assert is_accepted(keys) and is_accepted(keys)
    assert [asked["If-None-Match"] for asked in server.asked] == [None, '"1"', '"1"']


def test_a_first_response_of_304_is_not_used(server, keys):
    server.status, server.body = 304, b""
    with pytest.raises(KeysUnavailable):
        is_accepted(keys)


def test_a_new_key_is_found_as_soon_as_it_signs(server, keys):
    assert is_accepted(keys)
    server.publish("RS256", "new")
    assert is_accepted(keys, "new") and is_accepted(keys, "RS256")
    assert len(server.asked) == 2


def test_made_up_kids_do_not_flood_the_server(server, keys, clock):
    assert [is_accepted(keys, f"made up {n}") for n in range(20)] == [False] * 20
    assert len(server.asked) == 1 + UNKNOWN_KID_FETCHES
    for seconds, fetches in [(0.9, 0), (0.1, 1), (60, UNKNOWN_KID_FETCHES)]:
        server.asked.clear()
        clock.now += seconds
        assert [is_accepted(keys, f"made up {n}") for n in range(20)] == [False] * 20
        assert len(server.asked) == fetches


def test_a_new_key_is_found_at_once_though_the_set_was_fetched_a_moment_ago(server, keys):
    assert is_accepted(keys) and not is_accepted(keys, "new")
    server.publish("new")
    assert is_accepted(keys, "new") and not is_accepted(keys, "RS256")


def test_a_token_without_a_kid_causes_no_fetch(server, keys):
    assert refusal(token({"kid": ...}), keys=keys) is UnknownKey
    assert server.asked == []


def test_a_revoked_key_is_rejected_when_the_cache_expires(server, keys, clock):
    assert is_accepted(keys)
    server.publish("new")
    clock.now += 300
    assert not is_accepted(keys)


def test_an_empty_key_set_is_valid(server, keys):
    server.publish()
    assert not is_accepted(keys)


NO_SETS = [b"", b"null", b"[]", b"{}", b"<html>", b"\xff\xfe", b"[" * 100_000, b"9" * 5_000]


@pytest.mark.parametrize(
    ("status", "body"), [*((200, body) for body in NO_SETS), (204, b""), (401, b"{}"), (500, b"{}")]
)
def test_an_unusable_response_raises_keys_unavailable(server, keys, status, body):
    server.status, server.body = status, body
    with pytest.raises(KeysUnavailable, match=re.escape(server.url)):
        is_accepted(keys)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, keys, status):
    server.status, server.headers = status, {"Location": server.url}
    with pytest.raises(KeysUnavailable):
        is_accepted(keys)
    assert len(server.asked) == 1


def test_a_credential_with_a_newline_is_refused_without_quoting_it():
    with pytest.raises(ValueError, match=r"^headers must be printable ASCII strings, without newlines\.$"):
        JwksUrl("https://example.com", headers={"Authorization": "Bearer sk_test_1\n"})


def test_a_response_over_the_size_limit_is_not_read(server, keys):
    server.body += b" " * 256 * 1024
    with pytest.raises(KeysUnavailable):
        is_accepted(keys)


def test_with_max_age_0_the_key_set_is_fetched_each_time(server, clock):
    keys = JwksUrl(server.url, max_age=timedelta(0), clock=clock)
    assert is_accepted(keys) and is_accepted(keys)
    assert len(server.asked) == 2


def test_an_unreachable_server_raises_keys_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(KeysUnavailable):
        is_accepted(JwksUrl(f"http://127.0.0.1:{port}"))


def test_a_hanging_server_times_out(server):
    server.may_answer.clear()
    with pytest.raises(KeysUnavailable):
        is_accepted(JwksUrl(server.url, timeout=timedelta(seconds=0.1)))


def test_a_slow_server_times_out(server):
    server.pause = 0.02
    with pytest.raises(KeysUnavailable):
        is_accepted(JwksUrl(server.url, timeout=timedelta(seconds=0.1)))


def test_a_failed_server_is_not_called_for_a_second(server, keys, clock):
    server.status = 503
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            is_accepted(keys)
    assert len(server.asked) == 1
    server.status = 200
    clock.now += 1
    assert is_accepted(keys)


def test_a_stale_key_set_is_used_only_for_stale_for(server, clock):
    patient, strict = (JwksUrl(server.url, clock=clock, stale_for=timedelta(seconds=rest)) for rest in (60, 0))
    assert is_accepted(patient) and is_accepted(strict)
    server.status = 503
    clock.now += 300
    with pytest.raises(KeysUnavailable):
        is_accepted(strict)
    clock.now += 59
    assert is_accepted(patient)
    clock.now += 1
    with pytest.raises(KeysUnavailable):
        is_accepted(patient)


def test_known_keys_work_while_the_server_fails(server, keys):
    assert is_accepted(keys)
    server.status = 503
    assert not is_accepted(keys, "new") and is_accepted(keys)


def test_threads_share_one_fetch(server, keys, at_once):
    server.may_answer.clear()
    Timer(0.2, server.may_answer.set).start()
    assert at_once(*[lambda: is_accepted(keys)] * 8) == [True] * 8
    assert len(server.asked) == 1


def test_threads_share_one_failure(server, keys, at_once):
    server.status = 503
    assert {type(outcome) for outcome in at_once(*[lambda: is_accepted(keys)] * 8)} == {KeysUnavailable}
    assert len(server.asked) == 1


def test_requests_to_a_loopback_host_use_no_proxy(monkeypatch, server):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert is_accepted(JwksUrl(server.url))


LOOKALIKES = [
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0.1@example.com",
    "http://0.0.0.0",
]
OTHERS = [
    "http://example.com",
    "http://10.0.0.1",
    "http://",
    "https://",
    "ftp://localhost",
    "file:///keys",
    "//example.com",
    "",
]


@pytest.mark.parametrize(
    "options",
    [
        {"max_age": timedelta(seconds=-1)},
        {"max_age": 300},
        {"stale_for": timedelta(seconds=-1)},
        {"stale_for": None},
        {"timeout": timedelta(0)},
        {"timeout": timedelta(seconds=-1)},
        {"timeout": timedelta.max},
        {"timeout": 5},
        {"headers": {"X-Key\n": "1"}},
        {"headers": {"X-Key": 1}},
    ],
)
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError):
        JwksUrl("https://example.com", **options)


@pytest.mark.parametrize("url", [*LOOKALIKES, *OTHERS])
def test_a_plain_http_url_is_refused(url):
    with pytest.raises(ValueError):
        JwksUrl(url)


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://localhost:8000", "http://127.9.9.9", "http://[::1]:8000"]
)
def test_a_loopback_host_may_use_plain_http(url):
    assert JwksUrl(url).url == url
