"""Unsafe settings are refused with a check id."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.db import connection
from django.db.models import Model
from django.urls import include, path
from psycopg import IsolationLevel

from sessions_core.checks import check_deployment, check_settings, check_workspaces
from sessions_core.http.route_checks import check_paths
from sessions_core.models import Workspace

FINE = {"TOKEN_KEYS": ["t" * 40], "ENCRYPTION_KEYS": ["e" * 40]}


def ids(settings, **changes: object) -> list[str | None]:
    settings.SESSIONS_CORE = {name: value for name, value in {**FINE, **changes}.items() if value is not None}
    return [message.id for message in check_settings()]


def test_good_settings_pass(settings):
    assert ids(settings) == []


def test_no_setting_is_required(settings):
    assert ids(settings, TOKEN_KEYS=None, ENCRYPTION_KEYS=None) == []


def test_e001_reports_an_unknown_setting(settings):
    assert ids(settings, TOKEN_KEY=["t"]) == ["sessions_core.E001"]


@pytest.mark.parametrize("keys", [[], "", "one key that is no list but a text", 5])
@pytest.mark.parametrize(("name", "id"), [("TOKEN_KEYS", "E002"), ("ENCRYPTION_KEYS", "E003")])
def test_e002_and_e003_report_settings_without_keys(settings, name, id, keys):
    assert ids(settings, **{name: keys}) == [f"sessions_core.{id}"]


@pytest.mark.parametrize("keys", [["short"], ["k" * 40, "short"], [b"k" * 40]])
@pytest.mark.parametrize(("name", "id"), [("TOKEN_KEYS", "E002"), ("ENCRYPTION_KEYS", "E003")])
def test_e002_and_e003_report_weak_keys(settings, name, id, keys):
    assert ids(settings, **{name: keys}) == [f"sessions_core.{id}"]


def test_e004_reports_a_key_with_two_purposes(settings):
    assert ids(settings, TOKEN_KEYS=["e" * 40]) == ["sessions_core.E004"]
    assert ids(settings, ENCRYPTION_KEYS=[settings.SECRET_KEY]) == ["sessions_core.E004"]


@pytest.mark.parametrize("trusted", [-1, "1", True, 1.5])
def test_e005_reports_an_invalid_number_of_proxies(settings, trusted):
    assert ids(settings, TRUSTED_PROXIES=trusted) == ["sessions_core.E005"]
    assert ids(settings, PROCESSES=trusted) == ["sessions_core.E005"]


@pytest.mark.parametrize("given", ["mine", 5, ["7" * 32]])
def test_e011_reports_an_invalid_id_of_the_default_workspace(settings, given):
    assert ids(settings, DEFAULT_WORKSPACE=given) == ["sessions_core.E011"]


def found_in_the_database(settings, **given: object) -> list[str | None]:
    settings.SESSIONS_CORE = FINE | given
    return [message.id for message in check_workspaces(databases=["default"])]


def test_e012_reports_a_default_workspace_that_does_not_exist(workspace, settings):
    assert found_in_the_database(settings, DEFAULT_WORKSPACE=uuid4()) == ["sessions_core.E012"]
    assert found_in_the_database(settings, DEFAULT_WORKSPACE=workspace.pk) == []


def test_w004_reports_several_workspaces_of_which_none_is_the_default(workspace, settings):
    assert found_in_the_database(settings) == []
    other = Workspace.objects.create(name="Other")
    assert found_in_the_database(settings) == ["sessions_core.W004"]
    assert found_in_the_database(settings, DEFAULT_WORKSPACE=str(other.pk)) == []


def test_e006_reports_times_without_zones(settings):
    settings.USE_TZ = False
    assert ids(settings) == ["sessions_core.E006"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["sessions_core.W001"]),
        ({"transaction_mode": None}, ["sessions_core.W001"]),
        ({"transaction_mode": "deferred"}, ["sessions_core.W001"]),
        ({"transaction_mode": "immediate"}, []),
        ({"transaction_mode": "EXCLUSIVE"}, []),
    ],
)
def test_w001_reports_sqlite_without_immediate_transactions(settings, monkeypatch, options, found):
    settings.SESSIONS_CORE = FINE
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert [message.id for message in check_deployment()] == (found if connection.vendor == "sqlite" else [])


@pytest.mark.parametrize("level", [None, *IsolationLevel])
def test_e007_reports_repeatable_read_isolation(settings, monkeypatch, level):
    monkeypatch.setitem(
        connection.settings_dict, "OPTIONS", {"isolation_level": level, "transaction_mode": "IMMEDIATE"}
    )
    is_refused = connection.vendor == "postgresql" and level == IsolationLevel.REPEATABLE_READ
    assert ids(settings) == (["sessions_core.E007"] if is_refused else [])


@dataclass(frozen=True)
class Replica:
    """A router that reads these apps from a replica and writes to its primary."""

    apps: Sequence[str]

    def db_for_read(self, model: type[Model], **hints: object) -> str | None:
        return "replica" if model._meta.app_label in self.apps else None

    def db_for_write(self, model: type[Model], **hints: object) -> str:
        return "default"


@pytest.mark.parametrize("app", ["sessions_core", "client_sessions", "user_sessions", "client_sessions_devices"])
def test_e008_reports_reads_from_a_replica(settings, app):
    settings.DATABASE_ROUTERS = [Replica([app])]
    assert ids(settings) == ["sessions_core.E008"]


def test_the_hosts_rows_may_be_read_from_a_replica(settings):
    settings.DATABASE_ROUTERS = [Replica(["auth", "admin"])]
    assert ids(settings) == []


def test_the_message_states_the_fix(settings):
    settings.SESSIONS_CORE = FINE | {"ENCRYPTION_KEYS": []}
    (message,) = check_settings()
    assert "ENCRYPTION_KEYS" in message.msg
    assert "secrets.token_urlsafe" in (message.hint or "")


class BelowALanguage:
    urlpatterns = i18n_patterns(path("v1/", include("user_sessions.clerk.backend.backend_routes")))


class BesideOne:
    urlpatterns = [
        path("v1/", include("user_sessions.clerk.backend.backend_routes")),
        *i18n_patterns(path("", lambda _: None)),
    ]


@pytest.mark.parametrize(("urls", "ids"), [(BelowALanguage, ["sessions_core.W002"]), (BesideOne, [])])
def test_w002_reports_a_path_that_depends_on_the_language(settings, urls, ids):
    settings.ROOT_URLCONF = urls
    assert [message.id for message in check_paths()] == ids
