"""The stated set: the tests that run again on every other supported version of Python, Django and the dependencies.

The whole suite runs on the oldest Python with the newest dependencies. A module is in this set because what it tests
can differ by version, for the reason that it is listed under. With GATEPASS_STATED_SET set, nothing else runs: on
PostgreSQL only what a version can change for one database and not for the other.
"""

import os
from pathlib import Path

import pytest

IS_STATED_SET = "GATEPASS_STATED_SET" in os.environ
ON_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgres")

TESTS = Path(__file__).parent

ON_EACH_DATABASE = {
    "queries that are compiled once, and cursors that are reused, depend on internals of Django and psycopg": [
        "sessions_core/test_compiled.py",
        "sessions_core/test_cursors.py",
        "client_sessions/test_queries.py",
        "user_sessions/test_queries.py",
        "user_sessions/test_frontend_queries.py",
    ],
    "expressions, conditional updates and locks differ by Django's ORM and by database": [
        "client_sessions/test_lifecycle.py",
        "client_sessions/test_terms.py",
        "user_sessions/test_lifecycle.py",
        "user_sessions/test_sign_ins.py",
        "user_sessions/test_deletion.py",
        "user_sessions/test_races.py",
    ],
    "Django's admin calls our hooks, and we override its change lists": [
        "client_sessions/test_console.py",
        "client_sessions/test_console_reach.py",
        "test_console_queries.py",
        "test_console_sessions.py",
        "test_console_sign_in.py",
        "user_sessions/test_commands.py",
        "user_sessions/test_console_actions.py",
        "user_sessions/test_host_admin.py",
    ],
    "system checks, commands and settings": [
        "sessions_core/test_checks.py",
        "sessions_core/test_databases.py",
        "client_sessions/test_resource_types.py",
        "test_bootstrap.py",
        "test_management.py",
    ],
    "migrations and the names of tables and indexes": ["test_migrations.py", "test_names.py"],
}

ON_SQLITE = {
    "a table of routes is a resolver of Django": ["sessions_core/test_routes.py"],
    "Django's sessions, middleware and authentication, of ours and of others": [
        "client_sessions/test_middleware.py",
        "test_host_middleware.py",
        "user_sessions/test_password_changes.py",
        "user_sessions/test_django_bad_input.py",
        "user_sessions/test_frontend_hosts.py",
    ],
    "projects of hosts, with models and managers of their own": [
        "client_sessions/test_host_models.py",
        "test_host_keys.py",
        "test_hosts.py",
        "test_without_rest_framework.py",
        "user_sessions/test_users_of_hosts.py",
    ],
    "both dialects as callers see them, through REST framework and django-filter": [
        "sessions_core/test_api.py",
        "client_sessions/test_conformance.py",
        "client_sessions/test_filters.py",
        "client_sessions/test_guards.py",
        "client_sessions/test_resources_api.py",
        "user_sessions/test_conformance.py",
        "user_sessions/test_frontend_conformance.py",
        "user_sessions/test_frontend_pages.py",
    ],
    "PyJWT, the public suffix list and the parser of user agents": [
        "user_sessions/test_clients_api.py",
        "user_sessions/test_cookie_domains.py",
        "user_sessions/test_key_set.py",
        "user_sessions/test_session_tokens.py",
        "user_sessions/test_verify.py",
        "user_sessions/test_verify_attacks.py",
        "user_sessions/test_verify_keys.py",
    ],
    "the reference server starts and serves": ["test_server.py"],
}


STATED_SET = ON_EACH_DATABASE if ON_POSTGRESQL else ON_EACH_DATABASE | ON_SQLITE
MODULES = {TESTS / module for listed in STATED_SET.values() for module in listed}


def is_left_out(path: Path) -> bool:
    """Return True for a module that is not in the stated set. It is not even imported, which would take seconds."""
    return path.match("test_*.py") and path not in MODULES


def find_missing() -> None:
    """Refuse to run if a listed module does not exist."""
    if missing := [str(module) for module in MODULES if not module.exists()]:
        raise pytest.UsageError(f"tests/versions.py lists modules that do not exist: {', '.join(sorted(missing))}")
