"""System checks of this app."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from inspect import iscoroutinefunction, signature

from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.utils.module_loading import import_string

from sessions_core.checks import check_rates, unknown_keys
from sessions_core.host_models import key_problem, manager_problem
from sessions_core.models import Workspace
from sessions_core.moments import LONGEST_LIFETIME
from user_sessions.conf import DEFAULT_PROFILE, EVERYBODY, settings

DURATIONS = ("SESSION_TOKEN_LIFETIME", "TEMPLATE_TOKEN_MAX_LIFETIME", "JWKS_MAX_AGE", "TOUCH_INTERVAL")


@register(Tags.security)
def check_settings(**_: object) -> Iterable[CheckMessage]:
    wrong = [name for name in DURATIONS if name in settings.given and not _is_duration(settings.given[name])]
    return [
        *unknown_keys(settings, id="user_sessions.E001"),
        *(
            Error(
                f"USER_SESSIONS[{name!r}] must be a timedelta between 1 second and {LONGEST_LIFETIME.days} days.",
                id="user_sessions.E002",
            )
            for name in wrong
        ),
        *_check_flags(),
        *_check_function("USER_PROFILE", DEFAULT_PROFILE, id="user_sessions.E004"),
        *_check_function("WORKSPACE_USERS", EVERYBODY, id="user_sessions.E006"),
        *_check_token_version(),
        *check_rates(settings, id="user_sessions.E007"),
    ]


def _check_flags() -> list[CheckMessage]:
    if isinstance(settings.given.get("ALLOW_UNFILTERED_LIST", False), bool):
        return []
    return [Error("USER_SESSIONS['ALLOW_UNFILTERED_LIST'] must be True or False.", id="user_sessions.E003")]


def _check_function(name: str, default: str, *, id: str) -> list[CheckMessage]:
    given = settings.given.get(name, default)
    problem = _function_problem(given) if isinstance(given, str) else "it is not text"
    if problem is None:
        return []
    return [Error(f"USER_SESSIONS[{name!r}] must be the dotted path of a function of one argument: {problem}.", id=id)]


def _function_problem(path: str) -> str | None:
    """Return why this cannot be called with one argument, or None if it can."""
    try:
        function = import_string(path)
    except Exception as reason:  # whatever the module raises when it is imported
        return f"{path!r} cannot be imported ({type(reason).__name__}: {reason})"
    if not callable(function):
        return f"{path!r} cannot be called"
    if iscoroutinefunction(function):
        return f"{path!r} is asynchronous"
    try:
        signature(function).bind(None)
    except TypeError as reason:
        return f"{path!r} cannot be called so ({reason})"
    except ValueError:  # Python does not know the signature of some functions written in C
        return None
    return None


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


@register(Tags.models)
def check_user_model(**_: object) -> Iterable[CheckMessage]:
    """Refuse a user model whose rows cannot be named by one id, or cannot be looked up."""
    model = get_user_model()
    if problem := manager_problem(model):
        yield Error(f"{problem}.", id="user_sessions.E020")
    if problem := key_problem(model._meta.pk):
        yield Error(f"{problem}.", id="user_sessions.E021")


def _check_token_version() -> list[CheckMessage]:
    given = settings.given.get("SESSION_TOKEN_VERSION", 2)
    if type(given) is int and given in (1, 2):
        return []
    return [Error("USER_SESSIONS['SESSION_TOKEN_VERSION'] must be 1 or 2.", id="user_sessions.E005")]


def _is_duration(value: object) -> bool:
    return isinstance(value, timedelta) and timedelta(seconds=1) <= value <= LONGEST_LIFETIME
