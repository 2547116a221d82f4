"""System checks of the databases. They have no tag, so that they also run before ``migrate`` on every Django."""

from collections.abc import Iterable, Iterator

from django.apps import apps
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.models import Model

__all__ = ["our_models"]

SUPPORTED = ("sqlite", "postgresql")

# The first with RETURNING.
OLDEST_SQLITE = (3, 35, 0)

# Packages whose rows decide who is signed in; by name, for nothing here imports the apps above.
_OURS = {"sessions_core", "client_sessions", "user_sessions"}


def our_models() -> list[type[Model]]:
    """Return the models of every installed app of Gatepass."""
    ours = [each for each in apps.get_app_configs() if each.name.partition(".")[0] in _OURS]
    return [model for app in ours for model in app.get_models(include_auto_created=True)]


@register()
def check_databases(**_: object) -> Iterable[CheckMessage]:
    """Refuse databases on which Gatepass cannot keep its promises."""
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
            "that keep two sessions from having one key. To keep your other tables where they are, give Gatepass "
            "and your users a database of their own by a router.",
            id="sessions_core.E020",
        )
    elif connection.vendor == "sqlite" and (version := _sqlite_version(connection)) < OLDEST_SQLITE:
        yield Error(
            f"DATABASES[{alias!r}] uses SQLite {'.'.join(map(str, version))}; Gatepass needs 3.35 or later.",
            hint="Use a Python that is built with a newer SQLite, or PostgreSQL.",
            id="sessions_core.E021",
        )


def _sqlite_version(connection: object) -> tuple[int, ...]:
    version: tuple[int, ...] = connection.Database.sqlite_version_info  # type: ignore[attr-defined]  # of its driver
    return version


def _check_that_one_is_enough() -> Iterator[CheckMessage]:
    """Rows refer to each other, and one transaction changes several of them."""
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
            hint="Have db_for_write return one database for sessions_core, client_sessions, user_sessions and the "
            "user model.",
            id="sessions_core.E022",
        )
