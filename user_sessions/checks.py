"""System checks of this app."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.utils.module_loading import import_string

from sessions_core.checks import check_rates, unknown_keys
from sessions_core.models import Workspace
from user_sessions.conf import (
    DEFAULT_PROFILE,
    DEFAULT_REQUIREMENT,
    EVERYBODY,
    ORDINARY,
    PASSWORD_CHANGE_POLICIES,
    settings,
)
from user_sessions.requirements import uncovered_apps

DURATIONS = ("SESSION_TOKEN_LIFETIME", "TEMPLATE_TOKEN_MAX_LIFETIME", "JWKS_MAX_AGE", "TOUCH_INTERVAL")


@register(Tags.security)
def check_settings(**_: object) -> Iterable[CheckMessage]:
    wrong = [name for name in DURATIONS if name in settings.given and not _is_duration(settings.given[name])]
    return [
        *unknown_keys(settings, id="user_sessions.E001"),
        *(
            Error(f"USER_SESSIONS[{name!r}] must be a timedelta of a second at least.", id="user_sessions.E002")
            for name in wrong
        ),
        *_check_flags(),
        *_check_function("USER_PROFILE", DEFAULT_PROFILE, id="user_sessions.E004"),
        *_check_function("MAY_BE_IMPERSONATED", ORDINARY, id="user_sessions.E008"),
        *_check_function("WORKSPACE_USERS", EVERYBODY, id="user_sessions.E006"),
        *_check_function("SIGN_IN_REQUIREMENT", DEFAULT_REQUIREMENT, id="user_sessions.E010"),
        *_check_token_version(),
        *check_rates(settings, id="user_sessions.E007"),
        *_check_password_change(),
    ]


def _check_flags() -> list[CheckMessage]:
    if isinstance(settings.given.get("ALLOW_UNFILTERED_LIST", False), bool):
        return []
    return [Error("USER_SESSIONS['ALLOW_UNFILTERED_LIST'] must be True or False.", id="user_sessions.E003")]


def _check_function(name: str, default: str, *, id: str) -> list[CheckMessage]:
    given = settings.given.get(name, default)
    try:
        if isinstance(given, str) and callable(import_string(given)):
            return []
    except ImportError:
        pass
    return [Error(f"USER_SESSIONS[{name!r}] is not the dotted path of a function.", id=id)]


@register(Tags.security)
def check_second_factors(**_: object) -> Iterable[CheckMessage]:
    """Whether a password alone signs in users who have a second factor."""
    for app in uncovered_apps() if settings.sign_in_requirement == DEFAULT_REQUIREMENT else ():
        yield Warning(
            f"A password alone signs in users who have a second factor of the app {app!r}.",
            hint="Set USER_SESSIONS['SIGN_IN_REQUIREMENT'] to a function that returns what is still required.",
            id="user_sessions.W003",
        )


@register(Tags.database)
def check_users(databases: Sequence[str] | None = None, **_: object) -> Iterable[CheckMessage]:
    """Whether several tenants see each other's users."""
    shared = settings.workspace_users == EVERYBODY
    for using in databases or () if shared else ():
        if Workspace._meta.db_table not in connections[using].introspection.table_names():
            continue
        if Workspace.objects.using(using).count() > 1:
            yield Warning(
                "Every workspace may read and sign in every user of this project.",
                hint="Say in USER_SESSIONS['WORKSPACE_USERS'] which users each one knows, unless all are of one house.",
                id="user_sessions.W001",
            )


def _check_token_version() -> list[CheckMessage]:
    given = settings.given.get("SESSION_TOKEN_VERSION", 2)
    if given in (1, 2) and not isinstance(given, bool):
        return []
    return [Error("USER_SESSIONS['SESSION_TOKEN_VERSION'] must be 1 or 2.", id="user_sessions.E005")]


def _check_password_change() -> list[CheckMessage]:
    if settings.given.get("PASSWORD_CHANGE_ENDS", "others") in PASSWORD_CHANGE_POLICIES:
        return []
    message = "USER_SESSIONS['PASSWORD_CHANGE_ENDS'] must be 'others', 'all' or 'none'."
    return [Error(message, id="user_sessions.E011")]


def _is_duration(value: object) -> bool:
    return isinstance(value, timedelta) and value >= timedelta(seconds=1)
