"""System checks of the settings and secrets of the core. ``check_secrets`` needs the database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.checks.security.base import check_secret_key
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from sessions_core.conf import AppSettings, RetainingSettings, settings
from sessions_core.crypto.sealing import sealed_columns, undecryptable_rows
from sessions_core.database_checks import columns_of
from sessions_core.labels import english_plural
from sessions_core.models import NoDefaultWorkspace, Workspace
from sessions_core.rates import Rate, RatedSettings
from sessions_core.texts import is_storable

SHORTEST_KEY = 32
LONGEST_RETENTION = timedelta(days=36_500)

# Our packages, by name, because this package does not import the apps.
_OURS = {"sessions_core", "client_sessions", "user_sessions"}

_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def unknown_keys(app_settings: AppSettings, *, id: str) -> list[CheckMessage]:
    """Return an error for each unknown key of the settings dict, or one error if it is not a dict."""
    if not isinstance(app_settings.raw_value, Mapping):
        return [Error(f"{app_settings.name} must be a dict of settings.", id=id)]
    return [
        Error(
            f"{app_settings.name}[{key!r}] is an unknown setting.",
            hint=f"Remove it, or use one of: {', '.join(sorted(app_settings.setting_names()))}.",
            id=id,
        )
        for key in sorted(set(app_settings.given) - app_settings.setting_names(), key=repr)
    ]


def check_rates(app_settings: RatedSettings, *, id: str) -> Iterator[CheckMessage]:
    """Yield an error for each invalid rate limit."""
    given, known = app_settings.given.get("RATES", {}), app_settings.default_rates
    if not isinstance(given, dict):
        yield Error(f"{app_settings.name}['RATES'] must be a dict of rate limits.", id=id)
        return
    for kind, rate in given.items():
        try:
            if kind not in known:
                raise ValueError(f"unknown kind of caller, use one of: {', '.join(known)}")
            if rate is not None:
                Rate.parse(rate)
        except ValueError as reason:
            yield Error(f"{app_settings.name}['RATES'][{kind!r}] is invalid: {reason}.", id=id)


def check_retention(app_settings: RetainingSettings, *, id: str) -> Iterator[CheckMessage]:
    """Yield an error for each invalid time of retention."""
    given, name = app_settings.given.get("RETENTION", {}), f"{app_settings.name}['RETENTION']"
    if not isinstance(given, dict):
        yield Error(f"{name} must be a dict of timedeltas.", id=id)
        return
    for kind, kept in given.items():
        if kind not in app_settings.default_retention:
            known = ", ".join(app_settings.default_retention)
            yield Error(f"{name}[{kind!r}] is unknown.", hint=f"Use one of: {known}.", id=id)
            continue
        least = app_settings.least_retention.get(kind, timedelta(0))
        if kept is not None and not (isinstance(kept, timedelta) and least <= kept <= LONGEST_RETENTION):
            yield Error(
                f"{name}[{kind!r}] must be a timedelta from {least.days} to {LONGEST_RETENTION.days} days, or None.",
                hint="None keeps these rows for ever.",
                id=id,
            )


@register(Tags.security)
def check_settings(**_: object) -> Iterable[CheckMessage]:
    return [
        *unknown_keys(settings, id="sessions_core.E001"),
        *check_retention(settings, id="sessions_core.E013"),
        *_check_keys("TOKEN_KEYS", id="sessions_core.E002"),
        *_check_keys("ENCRYPTION_KEYS", id="sessions_core.E003"),
        *_check_that_keys_differ(),
        *_check_default_workspace(),
        *_check_number("TRUSTED_PROXIES", least=0),
        *_check_number("PROCESSES", least=1),
        *_check_time_zones(),
        *_check_isolation(),
        *_check_reads(),
    ]


@register(Tags.security, deploy=True)
def check_deployment(**_: object) -> Iterable[CheckMessage]:
    return [*_check_derived_keys(), *_check_sqlite()]


@register(Tags.database)
def check_secrets(databases: Sequence[str] | None = None, **_: object) -> Iterable[CheckMessage]:
    """Report secrets in the database that cannot be decrypted, before a request needs them."""
    if not settings.encryption_keys:
        return []  # E003 reports it
    return [
        message
        for using in databases or ()
        for model, column in sealed_columns()
        if columns_of(model, using) >= {model._meta.pk.column, "workspace_id", column}  # otherwise E023 reports it
        for message in _check_column(model, column, using)
    ]


@register(Tags.database)
def check_workspaces(databases: Sequence[str] | None = None, **_: object) -> Iterable[CheckMessage]:
    """Report that no workspace is the default: the named one does not exist, or none of several is named."""
    for using in databases or ():
        if router.db_for_write(Workspace) != using or not columns_of(Workspace, using):
            continue
        named = settings.default_workspace
        try:
            Workspace.objects.db_manager(using).find_default()
        except NoDefaultWorkspace:
            yield _no_default_workspace(named)


def _no_default_workspace(named: UUID | None) -> CheckMessage:
    if named:
        return Error(
            f"SESSIONS_CORE['DEFAULT_WORKSPACE'] names a workspace that does not exist: {named}.",
            hint="Use the id of a workspace, as the admin shows it, or remove the setting.",
            id="sessions_core.E012",
        )
    return Warning(
        "There are several workspaces, and none is the default one, in which users of your own pages sign in.",
        hint="Set SESSIONS_CORE['DEFAULT_WORKSPACE'] to the id of a workspace, or silence this check if users sign in "
        "through the Frontend API only.",
        id="sessions_core.W004",
    )


def _check_column(model: type[Model], column: str, using: str) -> list[CheckMessage]:
    undecryptable = undecryptable_rows(model, column, using=using)
    if not undecryptable:
        return []
    return [
        Error(
            f"The secrets of {len(undecryptable)} {english_plural(model)} cannot be decrypted with "
            "SESSIONS_CORE['ENCRYPTION_KEYS'] or with keys derived from SECRET_KEY.",
            hint="Add the encryption key that encrypted them to the list again, or, if it was derived, the former "
            "SECRET_KEY to SECRET_KEY_FALLBACKS. The reference server reads the keys from GATEPASS_ENCRYPTION_KEYS, "
            "by default in secrets.env beside the database. "
            f"The first of these rows is {undecryptable[0]}.",
            id="sessions_core.E010",
        )
    ]


def _check_keys(name: str, *, id: str) -> list[CheckMessage]:
    if name not in settings.given:
        return []  # derived from SECRET_KEY
    keys = settings.given[name]
    hint = f"Generate a key with `{_GENERATE}`, put it first in the list, store it outside the database, back it up."
    if not keys or not isinstance(keys, list | tuple):
        return [Error(f"SESSIONS_CORE['{name}'] must be a non-empty list of keys.", hint=hint, id=id)]
    if not all(isinstance(key, str) and len(key) >= SHORTEST_KEY and is_storable(key) for key in keys):
        must_be = f"Every key in SESSIONS_CORE['{name}'] must be text of at least {SHORTEST_KEY} characters."
        return [Error(must_be, hint=hint, id=id)]
    return []


def _check_that_keys_differ() -> list[CheckMessage]:
    """Return an error if one key has two purposes."""
    every = [*settings.token_keys, *settings.encryption_keys, django_settings.SECRET_KEY]
    if len(every) == len(set(every)):
        return []
    return [
        Error(
            "SECRET_KEY, SESSIONS_CORE['TOKEN_KEYS'] and SESSIONS_CORE['ENCRYPTION_KEYS'] must not share a key.",
            hint=f"Generate a key for each with `{_GENERATE}`.",
            id="sessions_core.E004",
        )
    ]


def _check_default_workspace() -> list[CheckMessage]:
    given = settings.given.get("DEFAULT_WORKSPACE")
    if given is None or settings.default_workspace is not None:
        return []
    return [Error("SESSIONS_CORE['DEFAULT_WORKSPACE'] must be the id of a workspace.", id="sessions_core.E011")]


def _check_derived_keys() -> list[CheckMessage]:
    derived = [f"SESSIONS_CORE['{name}']" for name in ("TOKEN_KEYS", "ENCRYPTION_KEYS") if name not in settings.given]
    if not derived:
        return []
    what = f"{' and '.join(derived)} {'are' if len(derived) > 1 else 'is'} derived from SECRET_KEY"
    if check_secret_key(None):
        return [
            Error(
                f"{what}, which is not a random text of at least 50 characters: anyone who guesses it can forge "
                "tokens and decrypt stored secrets.",
                hint="Set a SECRET_KEY that passes Django's check security.W009.",
                id="sessions_core.E009",
            )
        ]
    return [
        Warning(
            f"{what}. If you change SECRET_KEY, tokens of clients and client sessions become invalid and stored "
            "secrets cannot be decrypted.",
            hint="Keep the former SECRET_KEY in SECRET_KEY_FALLBACKS, or set keys that do not depend on it. "
            f"`{_GENERATE}` generates one.",
            id="sessions_core.W003",
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
    return [
        Error(
            "USE_TZ must be True: sessions need times with a time zone.",
            hint="Set USE_TZ = True.",
            id="sessions_core.E006",
        )
    ]


def _database() -> BaseDatabaseWrapper | None:
    try:
        return connections[router.db_for_write(Workspace)]
    except (ImproperlyConfigured, ImportError):
        return None  # E020 reports it


def _check_sqlite() -> list[CheckMessage]:
    database = _database()
    if database is None:
        return []
    mode = database.settings_dict["OPTIONS"].get("transaction_mode") or "DEFERRED"
    if database.vendor != "sqlite" or str(mode).upper() in ("IMMEDIATE", "EXCLUSIVE"):
        return []
    return [
        Warning(
            "SQLite without transaction_mode IMMEDIATE answers most concurrent writes with 503.",
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
    from django.db.backends.postgresql.psycopg_any import IsolationLevel  # needs a PostgreSQL driver

    if level != IsolationLevel.REPEATABLE_READ:
        return []
    return [
        Error(
            "The isolation level must not be REPEATABLE READ: a transaction that waited for a lock would count old "
            "rows and exceed the limits on sessions.",
            hint=f"Remove isolation_level from DATABASES[{database.alias!r}]['OPTIONS']; "
            "READ COMMITTED is the default.",
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
            f"{router.db_for_write(first)!r}: a lagging replica would accept sessions that have been revoked.",
            hint=f"Make db_for_read return the database of db_for_write for {', '.join(app.label for app in ours)}.",
            id="sessions_core.E008",
        )
    ]
