"""System checks of user sessions."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from inspect import iscoroutinefunction, signature

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.utils.module_loading import import_string

from sessions_core.checks import check_rates, check_retention, unknown_keys
from sessions_core.host_models import key_problem, manager_problem
from sessions_core.models import Workspace
from sessions_core.moments import LONGEST_LIFETIME
from user_sessions.conf import (
    ADDRESS_FORMS,
    DEFAULT_LIMITS,
    DEFAULT_PLACE,
    DEFAULT_PROFILE,
    DEFAULT_RECIPIENT,
    DEFAULT_REQUIREMENT,
    DEFAULT_RISK,
    EVERYBODY,
    NEW_DEVICE_NOTICES,
    ORDINARY,
    PASSWORD_CHANGE_POLICIES,
    SHORTEST_VERIFIED_WITHIN,
    settings,
)
from user_sessions.django_sign_ins import MIDDLEWARE
from user_sessions.places import place_database_problem
from user_sessions.second_factors import uncovered_apps

AUTHENTICATION_MIDDLEWARE = "django.contrib.auth.middleware.AuthenticationMiddleware"

DURATIONS = (
    "SESSION_TOKEN_LIFETIME",
    "TEMPLATE_TOKEN_MAX_LIFETIME",
    "JWKS_MAX_AGE",
    "TOUCH_INTERVAL",
    "SESSION_CACHE_MAX_AGE",
)


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
        *_check_function("MAY_BE_IMPERSONATED", ORDINARY, id="user_sessions.E008"),
        *_check_function("WORKSPACE_USERS", EVERYBODY, id="user_sessions.E006"),
        *_check_function("SIGN_IN_REQUIREMENT", DEFAULT_REQUIREMENT, id="user_sessions.E010", takes=3),
        *_check_function("SESSION_LIMITS", DEFAULT_LIMITS, id="user_sessions.E012", takes=3),
        *_check_function("PLACE_OF_ADDRESS", DEFAULT_PLACE, id="user_sessions.E013"),
        *_check_function("SIGN_IN_RISK", DEFAULT_RISK, id="user_sessions.E018", takes=4),
        *_check_function("NEW_DEVICE_RECIPIENT", DEFAULT_RECIPIENT, id="user_sessions.E023", takes=2),
        *_check_notice(),
        *_check_activities(),
        *_check_token_version(),
        *_check_devices_page(),
        *check_rates(settings, id="user_sessions.E007"),
        *check_retention(settings, id="user_sessions.E017"),
        *_check_password_change(),
    ]


def _check_flags() -> list[CheckMessage]:
    return [
        Error(f"USER_SESSIONS[{name!r}] must be True or False.", id="user_sessions.E003")
        for name in ("ADOPT_DJANGO_SESSIONS", "ALLOW_UNFILTERED_LIST", "REMEMBER_DEVICES")
        if not isinstance(settings.given.get(name, False), bool)
    ]


def _check_function(name: str, default: str, *, id: str, takes: int = 1) -> list[CheckMessage]:
    given = settings.given.get(name, default)
    problem = _function_problem(given, takes) if isinstance(given, str) else "it is not a string"
    if problem is None:
        return []
    arguments = "one argument" if takes == 1 else f"{takes} arguments"
    return [Error(f"USER_SESSIONS[{name!r}] must be the dotted path of a function of {arguments}: {problem}.", id=id)]


def _function_problem(path: str, takes: int) -> str | None:
    """Return why the function does not accept this number of arguments, or None if it does."""
    try:
        function = import_string(path)
    except Exception as reason:  # importing a module can raise anything
        return f"{path!r} cannot be imported ({type(reason).__name__}: {reason})"
    if not callable(function):
        return f"{path!r} is not callable"
    if iscoroutinefunction(function):
        return f"{path!r} is asynchronous"
    try:
        signature(function).bind(*[None] * takes)
    except TypeError as reason:
        return f"{path!r} does not accept these arguments ({reason})"
    except ValueError:  # some functions written in C have no signature
        return None
    return None


@register(Tags.security)
def check_second_factors(**_: object) -> Iterable[CheckMessage]:
    """Warn if users who have a second factor can sign in with a password alone."""
    for app in uncovered_apps() if settings.sign_in_requirement == DEFAULT_REQUIREMENT else ():
        yield Warning(
            f"Users who have a second factor of the app {app!r} can sign in with a password alone.",
            hint="Set USER_SESSIONS['SIGN_IN_REQUIREMENT'] to a function that returns what is still required.",
            id="user_sessions.W003",
        )


@register(Tags.database)
def check_users(databases: Sequence[str] | None = None, **_: object) -> Iterable[CheckMessage]:
    """Warn if several workspaces share all users."""
    shared = settings.workspace_users == EVERYBODY
    for using in databases or () if shared else ():
        if Workspace._meta.db_table not in connections[using].introspection.table_names():
            continue
        if Workspace.objects.using(using).count() > 1:
            yield Warning(
                "Every workspace can read and sign in every user of this project.",
                hint="Set USER_SESSIONS['WORKSPACE_USERS'], or silence this check if all workspaces share their users.",
                id="user_sessions.W001",
            )


@register(Tags.models)
def check_user_model(**_: object) -> Iterable[CheckMessage]:
    """Refuse a user model whose primary key or default manager cannot identify one user."""
    model = get_user_model()
    if problem := manager_problem(model):
        yield Error(f"{problem}.", id="user_sessions.E020")
    if problem := key_problem(model._meta.pk):
        yield Error(f"{problem}.", id="user_sessions.E021")


@register()
def check_middleware(**_: object) -> Iterable[CheckMessage]:
    """Refuse our middleware above those whose work it needs."""
    theirs = _first_of(import_string(AUTHENTICATION_MIDDLEWARE))
    ours = _first_of(import_string(MIDDLEWARE))
    if ours is not None and (theirs is None or ours < theirs):
        yield Error(
            f"{MIDDLEWARE!r} must be below {AUTHENTICATION_MIDDLEWARE!r} in MIDDLEWARE.",
            id="user_sessions.E030",
        )


def _first_of(middleware: type) -> int | None:
    """Return the place in MIDDLEWARE of the first class that is this one or derived from it."""
    for place, path in enumerate(django_settings.MIDDLEWARE):
        try:
            found = import_string(path)
        except ImportError:
            continue  # Django itself reports it
        if isinstance(found, type) and issubclass(found, middleware):
            return place
    return None


def _check_token_version() -> list[CheckMessage]:
    given = settings.given.get("SESSION_TOKEN_VERSION", 2)
    if type(given) is int and given in (1, 2):
        return []
    return [Error("USER_SESSIONS['SESSION_TOKEN_VERSION'] must be 1 or 2.", id="user_sessions.E005")]


def _check_devices_page() -> list[CheckMessage]:
    given = settings.given.get("DEVICES_PAGE_VERIFIED_WITHIN")
    if given is None or (isinstance(given, timedelta) and SHORTEST_VERIFIED_WITHIN <= given <= LONGEST_LIFETIME):
        return []
    message = (
        "USER_SESSIONS['DEVICES_PAGE_VERIFIED_WITHIN'] must be None or a timedelta between 2 minutes and "
        f"{LONGEST_LIFETIME.days} days."
    )
    return [Error(message, id="user_sessions.E019")]


def _check_notice() -> Iterable[CheckMessage]:
    if settings.given.get("NEW_DEVICE_NOTICE", "off") not in NEW_DEVICE_NOTICES:
        message = f"USER_SESSIONS['NEW_DEVICE_NOTICE'] must be one of {', '.join(NEW_DEVICE_NOTICES)}."
        yield Error(message, id="user_sessions.E022")
    if settings.given.get("URL") != settings.url:
        message = "USER_SESSIONS['URL'] must be an origin such as https://www.example.com, without a path."
        yield Error(message, id="user_sessions.E024")


def _check_password_change() -> list[CheckMessage]:
    if settings.given.get("PASSWORD_CHANGE_ENDS", "others") in PASSWORD_CHANGE_POLICIES:
        return []
    message = "USER_SESSIONS['PASSWORD_CHANGE_ENDS'] must be 'others', 'all' or 'none'."
    return [Error(message, id="user_sessions.E011")]


def _check_activities() -> Iterable[CheckMessage]:
    if settings.given.get("ADDRESS_FORM", "whole") not in ADDRESS_FORMS:
        yield Error(
            f"USER_SESSIONS['ADDRESS_FORM'] must be one of {', '.join(ADDRESS_FORMS)}.", id="user_sessions.E014"
        )
    kept = settings.given.get("ACTIVITIES_PER_SESSION", 1)
    if type(kept) is not int or kept < 1:
        message = "USER_SESSIONS['ACTIVITIES_PER_SESSION'] must be an integer of at least 1."
        yield Error(message, id="user_sessions.E015")
    if problem := place_database_problem():
        yield Error(f"USER_SESSIONS['PLACE_DATABASE'] cannot be used: {problem}.", id="user_sessions.E016")


def _is_duration(value: object) -> bool:
    return isinstance(value, timedelta) and timedelta(seconds=1) <= value <= LONGEST_LIFETIME
