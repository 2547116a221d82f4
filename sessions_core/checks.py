"""System checks of the core. Each has a number; one needs the database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from sessions_core.conf import AppSettings, settings
from sessions_core.crypto.sealing import sealed_columns, undecryptable_rows
from sessions_core.database_checks import columns_of
from sessions_core.models import Workspace
from sessions_core.rates import Rate, RatedSettings
from sessions_core.texts import is_storable

SHORTEST_KEY = 32

# Packages whose rows decide who is signed in; by name, for nothing here imports the apps above.
_OURS = {"sessions_core", "client_sessions", "user_sessions"}

_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def unknown_keys(app_settings: AppSettings, *, id: str) -> list[CheckMessage]:
    """One error for every key the project wrote that the app does not understand, or for what is not a dict."""
    if not isinstance(app_settings.raw_value, Mapping):
        return [Error(f"{app_settings.name} must be a dict of settings.", id=id)]
    return [
        Error(
            f"{app_settings.name}[{key!r}] is not a setting.",
            hint=f"Known are: {', '.join(sorted(app_settings.setting_names()))}.",
            id=id,
        )
        for key in sorted(set(app_settings.given) - app_settings.setting_names(), key=repr)
    ]


def check_rates(app_settings: RatedSettings, *, id: str) -> Iterator[CheckMessage]:
    """One error for every rate that cannot be used."""
    given, known = app_settings.given.get("RATES", {}), app_settings.default_rates
    if not isinstance(given, dict):
        yield Error(f"{app_settings.name}['RATES'] must be a dict of rates.", id=id)
        return
    for kind, rate in given.items():
        try:
            if kind not in known:
                raise ValueError(f"known are {', '.join(known)}")
            if rate is not None:
                Rate.parse(rate)
        except ValueError as reason:
            yield Error(f"{app_settings.name}['RATES'][{kind!r}] cannot be used: {reason}.", id=id)


@register(Tags.security)
def check_settings(**_: object) -> Iterable[CheckMessage]:
    return [
        *unknown_keys(settings, id="sessions_core.E001"),
        *_check_keys("TOKEN_KEYS", id="sessions_core.E002"),
        *_check_keys("ENCRYPTION_KEYS", id="sessions_core.E003"),
        *_check_that_keys_differ(),
        *_check_number("TRUSTED_PROXIES", least=0),
        *_check_number("PROCESSES", least=1),
        *_check_time_zones(),
        *_check_sqlite(),
        *_check_isolation(),
        *_check_reads(),
    ]


@register(Tags.database)
def check_secrets(databases: Sequence[str] | None = None, **_: object) -> Iterable[CheckMessage]:
    """Whether every secret in the database can be opened: better to know before the first token is asked for."""
    if not settings.encryption_keys:
        return []  # E003 says so
    return [
        message
        for using in databases or ()
        for model, column in sealed_columns()
        if columns_of(model, using) >= {model._meta.pk.column, "workspace_id", column}  # otherwise E023 says so
        for message in _check_column(model, column, using)
    ]


def _check_column(model: type[Model], column: str, using: str) -> list[CheckMessage]:
    undecryptable = undecryptable_rows(model, column, using=using)
    if not undecryptable:
        return []
    return [
        Error(
            f"The secrets of {len(undecryptable)} {model._meta.verbose_name_plural} cannot be opened with "
            "SESSIONS_CORE['ENCRYPTION_KEYS'].",
            hint="Put the encryption key that was in use when they were made back into the list; for the reference "
            "server that is GATEPASS_ENCRYPTION_KEYS, kept in secrets.env beside the database. "
            f"The first of them is {undecryptable[0]}.",
            id="sessions_core.E010",
        )
    ]


def _check_keys(name: str, *, id: str) -> list[CheckMessage]:
    keys = settings.given.get(name)
    hint = f"Put a key made by `{_GENERATE}` at the front of the list, keep it outside the database, and back it up."
    if not keys or not isinstance(keys, list | tuple):
        return [Error(f"SESSIONS_CORE['{name}'] must be a list of keys, and not empty.", hint=hint, id=id)]
    if not all(isinstance(key, str) and len(key) >= SHORTEST_KEY and is_storable(key) for key in keys):
        must_be = f"Every key in SESSIONS_CORE['{name}'] must be text of at least {SHORTEST_KEY} characters."
        return [Error(must_be, hint=hint, id=id)]
    return []


def _check_that_keys_differ() -> list[CheckMessage]:
    """One key for one purpose: otherwise losing one loses all."""
    every = [*settings.token_keys, *settings.encryption_keys, django_settings.SECRET_KEY]
    if len(every) == len(set(every)):
        return []
    return [
        Error(
            "SECRET_KEY, SESSIONS_CORE['TOKEN_KEYS'] and SESSIONS_CORE['ENCRYPTION_KEYS'] share a key.",
            hint=f"Give each its own, made by `{_GENERATE}`.",
            id="sessions_core.E004",
        )
    ]


def _check_number(name: str, *, least: int) -> list[CheckMessage]:
    number = settings.given.get(name, least)
    if isinstance(number, int) and not isinstance(number, bool) and number >= least:
        return []
    return [Error(f"SESSIONS_CORE[{name!r}] must be an integer of at least {least}.", id="sessions_core.E005")]


def _check_time_zones() -> list[CheckMessage]:
    if django_settings.USE_TZ:
        return []
    return [Error("USE_TZ is off, and sessions end at instants.", hint="Set USE_TZ = True.", id="sessions_core.E006")]


def _database() -> BaseDatabaseWrapper | None:
    try:
        return connections[router.db_for_write(Workspace)]
    except (ImproperlyConfigured, ImportError):
        return None  # E020 says so


def _check_sqlite() -> list[CheckMessage]:
    database = _database()
    if database is None:
        return []
    mode = database.settings_dict["OPTIONS"].get("transaction_mode") or "DEFERRED"
    if database.vendor != "sqlite" or str(mode).upper() in ("IMMEDIATE", "EXCLUSIVE"):
        return []
    return [
        Warning(
            "SQLite refuses most of those who write at the same time, and they are told to come again.",
            hint=f"Set DATABASES[{database.alias!r}]['OPTIONS']['transaction_mode'] = 'IMMEDIATE'.",
            id="sessions_core.W001",
        )
    ]


def _check_isolation() -> list[CheckMessage]:
    database = _database()
    if database is None:
        return []
    level = database.settings_dict["OPTIONS"].get("isolation_level")
    if database.vendor != "postgresql" or level is None:
        return []
    from django.db.backends.postgresql.psycopg_any import IsolationLevel  # only where there is a driver

    if level != IsolationLevel.REPEATABLE_READ:
        return []
    return [
        Error(
            "Transactions are REPEATABLE READ: who waits for a lock then counts what was there before, and the limits "
            "of sessions do not hold.",
            hint=f"Leave isolation_level out of DATABASES[{database.alias!r}]['OPTIONS'], which is READ COMMITTED.",
            id="sessions_core.E007",
        )
    ]


def _check_reads() -> list[CheckMessage]:
    ours = [each for each in apps.get_app_configs() if each.name.partition(".")[0] in _OURS]
    elsewhere = [
        model for app in ours for model in app.get_models() if router.db_for_read(model) != router.db_for_write(model)
    ]
    if not elsewhere:
        return []
    first = elsewhere[0]
    return [
        Error(
            f"The router reads {first._meta.label} from {router.db_for_read(first)!r} and writes it to "
            f"{router.db_for_write(first)!r}: whether a session is live would be decided by rows of a while ago.",
            hint=f"Have db_for_read answer what db_for_write does for {', '.join(app.label for app in ours)}.",
            id="sessions_core.E008",
        )
    ]
