"""System checks of the databases. Those without a tag also run before ``migrate`` on every Django."""

from collections.abc import Iterable, Iterator, Sequence

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

__all__ = ["columns_of", "our_models"]

SUPPORTED = ("sqlite", "postgresql")

# The first version with RETURNING.
OLDEST_SQLITE = (3, 35, 0)

# Our packages, by name, because this package does not import the apps.
_OURS = {"sessions_core", "client_sessions", "user_sessions"}


def our_models() -> list[type[Model]]:
    """Return the models of every installed app of Gatepass that have a table."""
    ours = [each for each in apps.get_app_configs() if each.name.partition(".")[0] in _OURS]
    models = [model for app in ours for model in app.get_models(include_auto_created=True)]
    return [model for model in models if not model._meta.proxy]


@register()
def check_databases(**_: object) -> Iterable[CheckMessage]:
    """Report unsupported databases, and a router that splits our tables."""
    aliases = sorted({router.db_for_write(model) for model in our_models()})
    return [*(message for alias in aliases for message in _check_vendor(alias)), *_check_that_one_is_enough()]


def _check_vendor(alias: str) -> Iterator[CheckMessage]:
    engine = connections.settings[alias].get("ENGINE")
    try:
        connection = connections[alias]
    except (ImproperlyConfigured, ImportError) as reason:
        yield Error(f"DATABASES[{alias!r}] cannot be loaded: {reason}", id="sessions_core.E020")
        return
    if connection.vendor not in SUPPORTED:
        yield Error(
            f"DATABASES[{alias!r}] uses {engine}, which Gatepass does not support.",
            hint="Use PostgreSQL or SQLite. Other databases lack the partial unique indexes or the UPDATE … RETURNING "
            "that Gatepass needs. Your other tables can stay: use a database router to put Gatepass and your user "
            "model into a PostgreSQL or SQLite database.",
            id="sessions_core.E020",
        )
    elif connection.vendor == "sqlite" and (version := _sqlite_version(connection)) < OLDEST_SQLITE:
        yield Error(
            f"DATABASES[{alias!r}] uses SQLite {'.'.join(map(str, version))}; Gatepass needs 3.35 or later.",
            hint="Use PostgreSQL, or a Python that is built with a newer SQLite.",
            id="sessions_core.E021",
        )


def _sqlite_version(connection: object) -> tuple[int, ...]:
    version: tuple[int, ...] = connection.Database.sqlite_version_info  # type: ignore[attr-defined]  # of its driver
    return version


def _check_that_one_is_enough() -> Iterator[CheckMessage]:
    """Report a router that splits our tables: foreign keys and transactions need one database."""
    related = {
        field.related_model
        for model in our_models()
        for field in model._meta.get_fields()
        if field.concrete and isinstance(field.related_model, type)
    }
    places = {model._meta.label: router.db_for_write(model) for model in {*our_models(), *related}}
    by_place = {alias: label for label, alias in sorted(places.items(), reverse=True)}
    if len(by_place) > 1:
        (one, its_label), (another, other_label) = sorted(by_place.items())[:2]
        yield Error(
            f"The router writes {its_label} to {one!r} and {other_label} to {another!r}. Gatepass needs one database.",
            hint="Make db_for_write return one database for sessions_core, client_sessions, user_sessions and the "
            "user model.",
            id="sessions_core.E022",
        )


def columns_of(model: type[Model], using: str) -> set[str]:
    """Return the column names of the table of a model, or an empty set if there is no table."""
    introspection, table = connections[using].introspection, model._meta.db_table
    with connections[using].cursor() as cursor:
        if table not in introspection.table_names(cursor):
            return set()
        return {column.name for column in introspection.get_table_description(cursor, table)}


@register(Tags.database)
def check_columns(databases: Sequence[str] | None = None, **_: object) -> Iterable[CheckMessage]:
    """Compare tables with models, and report the first difference in each database.

    Apps whose applied migrations differ from those of this version are skipped: ``migrate`` will change them.
    """
    return [message for using in databases or () for message in _check_columns(using)]


def _check_columns(using: str) -> Iterator[CheckMessage]:
    models = [model for model in our_models() if router.db_for_write(model) == using]
    if not models or connections[using].vendor not in SUPPORTED:
        return  # E020 reports it
    loader = MigrationLoader(connections[using], ignore_no_migrations=True)
    for model in models:
        label = model._meta.app_label
        known = {key for key in loader.disk_migrations if key[0] == label}
        if known != {key for key in loader.applied_migrations if key[0] == label}:
            continue
        if differing := columns_of(model, using) ^ {str(field.column) for field in model._meta.local_concrete_fields}:
            yield _columns_differ(model, using, min(differing))
            return


def _columns_differ(model: type[Model], using: str, column: str) -> CheckMessage:
    return Error(
        f"The column {column!r} of the table {model._meta.db_table!r} differs between the database {using!r} and this "
        "version of Gatepass. An earlier version created the database, and its first migration has changed since.",
        hint="There is no upgrade from versions before the first release. Use a new database; for `dev.py run`, a new "
        f"directory with --data. To keep your users, run `manage.py dumpdata auth.group {settings.AUTH_USER_MODEL} "
        "--natural-foreign -o users.json` on the old database, then `manage.py migrate` and `manage.py loaddata "
        "users.json` on the new one.",
        id="sessions_core.E023",
    )
