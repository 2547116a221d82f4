"""Fixtures of all tests: two workspaces with a key each, and threads that start together."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler, SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler
from django.test.utils import CaptureQueriesContext

from sessions_core.models import ApiKey, Workspace
from sessions_core.models.key_uses import key_uses
from sessions_core.models.refusal_counts import refusals
from sessions_core.rates import counters
from tests import key_pool
from tests.callers import Caller, bearer
from tests.hosts import start_project
from tests.measured import choose_measured, measuring
from tests.policies import create_workspace
from tests.sdks import packages
from tests.versions import IS_STATED_SET, find_missing, is_left_out
from user_sessions.freshness import live_sessions
from user_sessions.keys.trusted_keys import trusted_keys
from user_sessions.models.signing_keys import private_key

OPERATOR = "operator:test"
OPERATOR_SESSIONS = "sessions_project.operator_sessions.OperatorSessionMiddleware"


def pytest_configure() -> None:
    if IS_STATED_SET:
        find_missing()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if IS_STATED_SET and is_left_out(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    choose_measured(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with measuring(item):
        return (yield)


@pytest.fixture(autouse=True)
def fresh_counters(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the rate limits, with a single process, and write no counts after requests."""
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "PROCESSES": 1}
    counters.clear()
    refusals.clear()
    key_uses.clear()
    for counts in (refusals, key_uses):
        monkeypatch.setattr(counts, "_due_at", float("inf"))


@pytest.fixture(autouse=True)
def quick_secrets(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a fast password hasher and pooled RSA keys, with empty key caches."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(rsa, "generate_private_key", key_pool.generator())
    monkeypatch.setattr(serialization, "load_der_private_key", key_pool.load)
    private_key.cache_clear()
    trusted_keys.clear()
    live_sessions.clear()


@pytest.fixture(autouse=True)
def no_static_files(settings: Any) -> None:
    """Skip the search for static files in each test client; tests of static files use a real server."""
    settings.WHITENOISE_USE_FINDERS = False


@pytest.fixture
def unseen_operators(settings: Any) -> None:
    """Sign operators in without user sessions, for tests that count sessions or events. See test_console_sessions.py
    for theirs."""
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != OPERATOR_SESSIONS]


@pytest.fixture
def workspace(db: None) -> Workspace:
    return create_workspace(name="Here", is_sandbox=True, frontend_api="https://here.example.com")


@pytest.fixture
def elsewhere(db: None) -> Workspace:
    """Return a second workspace."""
    return create_workspace(name="Elsewhere", is_sandbox=True, frontend_api="https://elsewhere.example.com")


@pytest.fixture
def live_workspace(db: None) -> Workspace:
    """Return a workspace that is not a sandbox."""
    return create_workspace(name="Live", frontend_api="https://live.example.com")


@pytest.fixture
def key_of() -> Callable[[Workspace], str]:
    """Return a function that issues a secret key of a workspace."""
    return lambda workspace: ApiKey.objects.issue(workspace, name="a backend", actor=OPERATOR)[1]


@pytest.fixture
def api_key(workspace: Workspace, key_of: Callable[[Workspace], str]) -> str:
    return key_of(workspace)


@pytest.fixture
def foreign_api_key(elsewhere: Workspace, key_of: Callable[[Workspace], str]) -> str:
    return key_of(elsewhere)


@pytest.fixture
def backend(api_key: str) -> Caller:
    return bearer(api_key)


@pytest.fixture
def foreign_backend(foreign_api_key: str) -> Caller:
    return bearer(foreign_api_key)


@pytest.fixture(scope="session")
def javascript() -> Path:
    """The folder with the JavaScript SDKs."""
    return packages.javascript()


@pytest.fixture(scope="session")
def browser_sdk() -> Path:
    """The folder with the JavaScript SDK for browsers."""
    return packages.browser_sdk()


@pytest.fixture(scope="session")
def components(javascript: Path) -> Path:
    """The folder with the prebuilt components for React."""
    return packages.components()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return the folder of a host project."""
    return start_project(tmp_path)


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Return a function that runs calls in threads that start together and returns results or exceptions in order."""

    def run(*calls: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(calls))

        def one(call: Callable[[], Any]) -> Any:
            try:
                barrier.wait(timeout=30)
                return call()
            except Exception as error:
                return error
            finally:
                connection.close()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(one, calls))

    return run


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the querysets that Django builds with a filter or an annotation, or compiles, from now on."""
    made: list[str] = []
    for compiler in (SQLCompiler, SQLInsertCompiler, SQLUpdateCompiler, SQLDeleteCompiler):

        def as_sql(self: Any, *args: Any, compile: Any = compiler.as_sql, **more: Any) -> Any:
            made.append(type(self).__name__)
            return compile(self, *args, **more)

        monkeypatch.setattr(compiler, "as_sql", as_sql)
    for name, builder in (("add_q", Query.add_q), ("add_annotation", Query.add_annotation)):

        def build(self: Any, *args: Any, build: Any = builder, **more: Any) -> Any:
            made.append(f"{self.model.__name__ if self.model else ''} {args}")
            return build(self, *args, **more)

        monkeypatch.setattr(Query, name, build)
    return made


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """Return a context manager that collects the SQL of a block, without that of transactions."""

    @contextmanager
    def statements() -> Iterator[list[str]]:
        made: list[str] = []
        with CaptureQueriesContext(connection) as captured:
            yield made
        made += [each["sql"] for each in captured if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]

    return statements
