"""Three machines with one PostgreSQL and one Redis: a revocation holds on all of them, and a failure changes no answer.

Run with ``-rP`` to see the log: statuses and times.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from threading import Event
from typing import Any

import pytest

from sessions_core.rates import RETRY_SHARED_AFTER
from tests.databases import Database, NoPostgreSQL, postgresql
from tests.embedded import apart
from tests.machines import LOAD_BALANCER, PUBLIC_HOST, SECRETS, Answer, Machine, SharedCache, machine
from tests.test_serve import ROOT, environment

pytestmark = apart

# Seconds that an answer may take. Redis may delay one by 0.5 s (see docs/scaling.md); a busy machine gets more.
BOUND = 2.0
PASSWORD = "a long enough word"
LIMIT = 12  # failed authentications of an address in a day

SET_UP = f"""
import json, sys
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from sessions_core.models import ApiKey, Workspace
from user_sessions.models import UserSessionPolicy
call_command("migrate", verbosity=0)
call_command("workspace", "create", "Acme", "--sandbox", "--frontend-api", "http://{PUBLIC_HOST}", stdout=sys.stderr)
acme = Workspace.objects.get()
User.objects.create_user("ann", password="{PASSWORD}")
User.objects.create_superuser("operator", password="{PASSWORD}")
lost, lost_text = ApiKey.objects.issue(acme, name="a lost key", actor="drill")
print(json.dumps([ApiKey.objects.issue(acme, name="a backend", actor="drill")[1], str(lost.pk), lost_text]))
"""


@dataclass
class Drill:
    machines: Sequence[Machine]
    database: Database
    cache: SharedCache
    api_key: str
    lost_key: tuple[str, str]  # the id of a key that one test revokes, and the key

    def client_session(self, on: Machine) -> tuple[str, str]:
        """Create a client session. Return its id and its token."""
        made = on.post("/client_sessions/create", self.api_key, {"user_identifier_key": uuid.uuid4().hex})
        assert made.status == 200, made
        return made.body["client_session"]["client_session_id"], made.body["client_session"]["token"]

    def user_session(self, on: Machine) -> tuple[str, str]:
        """Create a user session. Return its id and a session token."""
        session = on.post("/v1/sessions", self.api_key, {"user_id": "user_1"}).body["id"]
        return session, on.post(f"/v1/sessions/{session}/tokens", self.api_key).body["jwt"]

    def sign_in(self, on: Machine, name: str) -> tuple[str, str]:
        """Sign in with Django. Return the id of the user session and the cookie."""
        made = on.post("/drill/sign_in", body={"username": name, "password": PASSWORD})
        return made.body["session"], made.body["cookie"]


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    with ExitStack() as stack:
        try:
            database = stack.enter_context(postgresql())
        except NoPostgreSQL as reason:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(reason))
        cache = SharedCache()
        stack.callback(cache.close)
        given = {
            "DATABASE_URL": database.url,
            "REDIS_URL": cache.url,
            "GATEPASS_PROCESSES": "3",
            "GATEPASS_RATES": f"anonymous={LIMIT}/day,client_session=9999999/minute",
        }
        own = environment(tmp_path_factory.mktemp("set_up"), **SECRETS, **LOAD_BALANCER, **given)
        done = subprocess.run([sys.executable, "-c", SET_UP], cwd=ROOT, env=own, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        api_key, *lost_key = json.loads(done.stdout)
        machines = [stack.enter_context(machine(tmp_path_factory.mktemp("data"), **given)) for _ in range(3)]
        yield Drill(machines, database, cache, api_key, (lost_key[0], lost_key[1]))


def log(title: str, answers: Sequence[Answer]) -> None:
    """Print how many answers had each status, and their times."""
    took = sorted(1000 * each.seconds for each in answers)
    counted = ", ".join(f"{count} x {status}" for status, count in sorted(Counter(a.status for a in answers).items()))
    print(f"{title:<40} {counted:<28} median {statistics.median(took):5.0f} ms, slowest {took[-1]:5.0f} ms")


# A revocation


def test_a_client_session_is_refused_by_the_next_request_on_each_machine(drill):
    first, *others = drill.machines
    session, token = drill.client_session(first)
    assert [each.get("/workspaces/get", token).status for each in drill.machines] == [200] * 3
    assert first.post("/client_sessions/revoke", drill.api_key, {"client_session_id": session}).status == 200
    refused = [each.get("/workspaces/get", token) for each in (*others, first)]
    log("client session, after its revocation", refused)
    assert [each.status for each in refused] == [401] * 3


def test_an_api_key_that_the_console_revokes_is_refused_by_the_next_request_on_each_machine(drill):
    first, *others = drill.machines
    row, api_key = drill.lost_key
    assert [each.get("/client_sessions/list", api_key).status for each in drill.machines] == [200] * 3
    csrf = "a" * 32
    cookie = f"{drill.sign_in(first, 'operator')[1]}; csrftoken={csrf}"
    form = f"action=revoke&confirmed=yes&_selected_action={row}&csrfmiddlewaretoken={csrf}"
    form_type = "application/x-www-form-urlencoded"
    done = first.call("POST", "/admin/sessions_core/apikey/", "", form, Cookie=cookie, Content_Type=form_type)
    assert done.status == 302, done
    refused = [each.get("/client_sessions/list", api_key) for each in (*others, first)]
    log("API key, after its revocation", refused)
    assert [each.status for each in refused] == [401] * 3


def test_a_user_session_is_refused_by_the_next_request_of_a_strict_view_on_each_machine(drill):
    first, *others = drill.machines
    session, token = drill.user_session(first)
    assert [each.get("/mine/plain/strict", token).status for each in drill.machines] == [200] * 3
    assert first.post(f"/v1/sessions/{session}/revoke", drill.api_key).status == 200
    refused = [each.get("/mine/plain/strict", token) for each in (*others, first)]
    log("user session, after its revocation", refused)
    assert [each.status for each in refused] == [401] * 3
    assert [each.get("/mine/plain/networkless", token).status for each in drill.machines] == [200] * 3


def test_the_cookie_of_a_django_sign_in_is_anonymous_in_the_next_request_on_each_machine(drill):
    first, *others = drill.machines
    session, cookie = drill.sign_in(first, "ann")
    assert [each.get("/drill/me", Cookie=cookie).body["name"] for each in drill.machines] == ["ann"] * 3
    assert others[0].post(f"/v1/sessions/{session}/revoke", drill.api_key).status == 200
    after = [each.get("/drill/me", Cookie=cookie) for each in (others[1], first, others[0])]
    log("Django sign-in, after its revocation", after)
    assert [each.body["name"] for each in after] == [""] * 3


# Redis


@pytest.fixture
def questions(drill: Drill) -> Callable[[Machine], list[Answer]]:
    """Return a function that asks a machine everything that has the same answer each time."""
    first = drill.machines[0]
    session, client_token = drill.client_session(first)
    user_session, token = drill.user_session(first)
    cookie = drill.sign_in(first, "ann")[1]

    def ask(on: Machine) -> list[Answer]:
        address = f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"  # below the limit of each network
        sign_in = {"identifier": "ann", "password": "wrong"}
        return [
            on.get("/workspaces/get", client_token),
            on.get("/devices/list", client_token),
            on.get("/workspaces/get", "seam_cst1abcdef_" + "1" * 24, X_Forwarded_For=address),
            on.get(f"/client_sessions/get?client_session_id={session}", drill.api_key),
            on.get(f"/v1/sessions/{user_session}", drill.api_key),
            on.post("/v1/client/sign_ins?_is_native=1", body=sign_in, X_Forwarded_For=address),
            on.get("/mine/plain/strict", token),
            on.get("/drill/me", Cookie=cookie),
        ]

    return ask


@pytest.mark.parametrize("failure", ["stopped", "paused", "flushed"])
def test_without_redis_each_answer_is_the_same_and_in_time(drill, questions, failure):
    time.sleep(RETRY_SHARED_AFTER)  # every machine uses Redis again after the test before
    before = [questions(each) for each in drill.machines]
    with getattr(drill.cache, failure)():
        during = [questions(each) for each in drill.machines]
    after = [questions(each) for each in drill.machines]
    for name, answers in (("before", before), (failure, during), ("after", after)):
        log(f"Redis {failure}: {name}", list(chain(*answers)))
    expected = [each.said for each in before[0]]
    assert [status for status, _ in expected] == [200, 200, 401, 200, 200, 422, 200, 200]
    assert [[each.said for each in answers] for answers in (*before, *during, *after)] == [expected] * 9
    assert max(each.seconds for each in chain(*during)) < BOUND


def test_a_paused_redis_delays_few_of_many_requests(drill):
    time.sleep(RETRY_SHARED_AFTER)
    first = drill.machines[0]
    _, token = drill.client_session(first)
    with drill.cache.paused(), ThreadPoolExecutor(8) as threads:
        begin = time.monotonic()
        answers: list[Answer] = []
        while time.monotonic() < begin + 2.5 * RETRY_SHARED_AFTER:
            answers += threads.map(lambda _: first.get("/workspaces/get", token), range(8))
    log("Redis paused: 8 callers at once", answers)
    delayed = [each for each in answers if each.seconds > 0.4]
    print(f"Redis paused: {len(delayed)} of {len(answers)} answers took longer than 0.4 s")
    assert {each.status for each in answers} == {200}
    assert len(delayed) < len(answers) / 20
    assert max(each.seconds for each in answers) < BOUND


def failed_authentications(drill: Drill, address: str) -> list[list[int]]:
    """Return the statuses on each machine, which are asked in turn."""
    forged = "seam_cst1abcdef_" + "1" * 24
    rounds = [
        [each.get("/workspaces/get", forged, X_Forwarded_For=address).status for each in drill.machines]
        for _ in range(LIMIT)
    ]
    return [list(statuses) for statuses in zip(*rounds, strict=True)]


def test_with_redis_the_machines_share_a_limit_and_without_it_each_allows_its_part(drill):
    time.sleep(RETRY_SHARED_AFTER)
    part = LIMIT // 3
    expected = [[401] * part + [429] * (LIMIT - part)] * 3
    assert failed_authentications(drill, "203.0.113.3") == expected
    with drill.cache.stopped():
        assert failed_authentications(drill, "203.0.113.4") == expected
        assert sum(statuses.count(401) for statuses in expected) == LIMIT


# A web process, and the database


@dataclass
class Writes:
    """What machines were asked to write: all answers, and the tokens of the acknowledged ones."""

    answers: list[Answer] = field(default_factory=list)
    created: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)

    def write(self, on: Machine, api_key: str) -> None:
        """Create a client session and revoke every second one."""
        made = on.post("/client_sessions/create", api_key, {"user_identifier_key": uuid.uuid4().hex})
        self.answers.append(made)
        if made.status != 200:
            time.sleep(0.05)
            return
        session = made.body["client_session"]
        self.created.add(session["token"])
        if len(self.created) % 2:
            gone = on.post("/client_sessions/revoke", api_key, {"client_session_id": session["client_session_id"]})
            self.answers.append(gone)
            # Without an answer it may have happened or not.
            (self.revoked.add if gone.status == 200 else self.created.discard)(session["token"])

    def lost(self, reader: Machine) -> set[str]:
        """Return the tokens whose acknowledged state another machine does not have."""
        live = {token for token in self.created if reader.get("/workspaces/get", token).status == 200}
        return live ^ (self.created - self.revoked)


@contextmanager
def writing(drill: Drill) -> Iterator[Writes]:
    """Write on all machines meanwhile."""
    writes, over = Writes(), Event()

    def write(on: Machine) -> None:
        while not over.is_set():
            writes.write(on, drill.api_key)

    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(write, each) for each in (*drill.machines, *drill.machines)]
        try:
            yield writes
        finally:
            over.set()
    for each in running:
        each.result()


def test_a_worker_that_is_killed_loses_no_acknowledged_write(drill):
    first = drill.machines[0]
    killed = first.worker
    with writing(drill) as writes:
        time.sleep(1.5)
        os.kill(killed, signal.SIGKILL)
        time.sleep(3)
    log("worker killed: writes", writes.answers)
    assert {each.status for each in writes.answers} <= {200, 0}
    assert writes.created and writes.revoked and not writes.lost(drill.machines[-1])
    assert first.worker != killed
    assert first.get("/ready").status == 200


FORMS: dict[str, Callable[[Any], Any]] = {
    "/client_sessions/list": lambda body: body["error"]["type"],
    "/v1/sessions?user_id=user_1": lambda body: body["errors"][0]["code"],
    "/v1/client": lambda body: body["errors"][0]["code"],
    "/mine/plain/strict": lambda body: body["code"],
    "/drill/me": lambda body: body["error"]["type"],
    "/": lambda body: body["error"]["type"],
}
NEEDS_NO_DATABASE = ("/health", "/mine/plain/networkless")


def test_a_restart_of_postgresql_is_a_503_meanwhile_and_needs_no_restart_of_the_machines(drill):
    _, token = drill.user_session(drill.machines[0])
    cookie = drill.sign_in(drill.machines[0], "ann")[1]

    def ask(on: Machine, path: str) -> Answer:
        bearer = {"/mine/plain/strict": token, "/v1/client": ""}.get(path, drill.api_key)
        return on.get(path, bearer, Cookie=cookie)

    calls = [(each, path) for each in drill.machines for path in FORMS] * 4
    with ThreadPoolExecutor(24) as threads:
        before = list(threads.map(lambda call: ask(*call), calls))
        with writing(drill) as writes:
            time.sleep(1)
            with drill.database.stopped():
                away = list(threads.map(lambda call: ask(*call), calls))
                calm = [each.get(path, token) for each in drill.machines for path in NEEDS_NO_DATABASE]
            back = list(threads.map(lambda call: ask(*call), calls))
            time.sleep(1)
    for title, answers in (("before", before), ("away", away), ("no database needed", calm), ("back", back)):
        log(f"PostgreSQL restarted: {title}", answers)
    log("PostgreSQL restarted: writes", writes.answers)
    assert [{each.status for each in answers} for answers in (before, away, calm, back)] == [{200}, {503}, {200}, {200}]
    assert {each.retry_after for each in away} == {"2"}
    said = {path: FORMS[path](each.body) for (_, path), each in zip(calls, away, strict=True)}
    assert said == {
        "/client_sessions/list": "service_unavailable",
        "/v1/sessions?user_id=user_1": "service_unavailable",
        "/v1/client": "service_unavailable",
        "/mine/plain/strict": "sessions_unavailable",
        "/drill/me": "service_unavailable",
        "/": "service_unavailable",
    }
    assert {each.status for each in writes.answers} == {200, 503}
    assert max(each.seconds for each in away) < BOUND
    assert not writes.lost(drill.machines[-1])
