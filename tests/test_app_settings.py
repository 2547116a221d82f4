"""Every setting of the three apps with invalid values: a check refuses each with a message."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.checks import Error, run_checks

import client_sessions.checks
import sessions_core.checks
import user_sessions.checks
from client_sessions.conf import settings as client_settings
from sessions_core.conf import settings as core_settings
from tests.embedded import embedded
from user_sessions.conf import settings as user_settings

pytestmark = embedded

APPS = {
    "SESSIONS_CORE": (core_settings, sessions_core.checks.check_settings),
    "CLIENT_SESSIONS": (client_settings, client_sessions.checks.check_settings),
    "USER_SESSIONS": (user_settings, user_sessions.checks.check_settings),
}
FINE = {"SESSIONS_CORE": {"TOKEN_KEYS": ["t" * 40], "ENCRYPTION_KEYS": ["e" * 40]}}

# Invalid for every setting.
NONSENSE = [None, "", "nonsense", b"x" * 40, 1.5, -1, float("nan"), [[]], [None], {1}, object(), datetime.max, print]

KEYS = [
    [],
    (),
    ["short"],
    ["k" * 40, 5],
    ["k" * 40, ["k" * 40]],
    [b"k" * 40],
    ["\ud800" * 40],
    ["\0" * 40],
    {"k" * 40: 1},
]
NUMBERS = [True, "1", [1], timedelta(1)]
DURATIONS = [0, 60, True, timedelta(0), timedelta(seconds=0.9), timedelta(days=-1), timedelta(days=3651), timedelta.max]
RATES = [
    [],
    "60/minute",
    *({kind: rate} for kind in ("visitor", "api_key") for rate in ("", 0, False, 5, b"5/minute", "5", "0/minute", [])),
    {"nobody": "60/minute"},
    {None: "60/minute"},
]
RETENTION = [[], timedelta(days=90), {"nothing": timedelta(days=90)}, {None: None}, {"events": 365}]
MODULE = "tests.test_app_settings"
FUNCTIONS = [
    *(".", "..x", ".x", "x.", "os", "os.nothing", "nothing.at_all", f"{MODULE}.KEYS", "\0.x", 5, len),
    *(f"{MODULE}.{name}" for name in ("of_none", "of_two", "of_a_keyword", "asynchronous", "raises")),
]
ORIGINS = ["example.com", "ftp://example.com", "https://example.com/path", "https://", ["https://a.example"], True]
BAD: dict[tuple[str, str], list[Any]] = {
    ("SESSIONS_CORE", "TOKEN_KEYS"): KEYS,
    ("SESSIONS_CORE", "ENCRYPTION_KEYS"): KEYS,
    ("SESSIONS_CORE", "DEFAULT_WORKSPACE"): [True, 7, "mine", "7c0fb1d6-3a51-4c53-9a4f", ["7" * 32], b"7" * 16],
    ("SESSIONS_CORE", "TRUSTED_PROXIES"): NUMBERS,
    ("SESSIONS_CORE", "PROCESSES"): [*NUMBERS, 0],
    ("SESSIONS_CORE", "RETENTION"): [*RETENTION, {"events": timedelta(days=179)}],
    ("CLIENT_SESSIONS", "RETENTION"): [*RETENTION, {"client_sessions": -timedelta(days=1)}],
    ("USER_SESSIONS", "RETENTION"): [*RETENTION, {"user_sessions": 90}, {"clients": timedelta(hours=1)}],
    ("CLIENT_SESSIONS", "RATES"): RATES,
    ("USER_SESSIONS", "RATES"): RATES,
    ("USER_SESSIONS", "SESSION_TOKEN_LIFETIME"): DURATIONS,
    ("USER_SESSIONS", "TEMPLATE_TOKEN_MAX_LIFETIME"): DURATIONS,
    ("USER_SESSIONS", "JWKS_MAX_AGE"): DURATIONS,
    ("USER_SESSIONS", "TOUCH_INTERVAL"): DURATIONS,
    ("USER_SESSIONS", "SESSION_CACHE_MAX_AGE"): DURATIONS,
    ("USER_SESSIONS", "SESSION_TOKEN_VERSION"): [0, 3, True, 2.0, "2", [2]],
    ("USER_SESSIONS", "ADOPT_DJANGO_SESSIONS"): [0, 1, "yes", "False", []],
    ("USER_SESSIONS", "REMEMBER_DEVICES"): [0, 1, "yes", "False", []],
    ("USER_SESSIONS", "ALLOW_UNFILTERED_LIST"): [0, 1, "yes", "False", []],
    ("USER_SESSIONS", "USER_PROFILE"): FUNCTIONS,
    ("USER_SESSIONS", "WORKSPACE_USERS"): FUNCTIONS,
    ("USER_SESSIONS", "MAY_BE_IMPERSONATED"): FUNCTIONS,
    ("USER_SESSIONS", "SIGN_IN_REQUIREMENT"): FUNCTIONS,
    ("USER_SESSIONS", "SESSION_LIMITS"): FUNCTIONS,
    ("USER_SESSIONS", "PLACE_OF_ADDRESS"): FUNCTIONS,
    ("USER_SESSIONS", "PLACE_DATABASE"): ["/nowhere.mmdb", __file__],
    ("USER_SESSIONS", "SIGN_IN_RISK"): FUNCTIONS,
    ("USER_SESSIONS", "ADDRESS_FORM"): ["Whole", ["cut"], None, True],
    ("USER_SESSIONS", "ACTIVITIES_PER_SESSION"): [*NUMBERS, 0],
    ("USER_SESSIONS", "DEVICES_PAGE_VERIFIED_WITHIN"): [0, 10, True, timedelta(0), timedelta(minutes=1), timedelta.max],
    ("USER_SESSIONS", "PASSWORD_CHANGE_ENDS"): ["Others", ["others"], True, 0],
    ("USER_SESSIONS", "NEW_DEVICE_NOTICE"): ["Mail", ["mail"], True, 0],
    ("USER_SESSIONS", "NEW_DEVICE_RECIPIENT"): [*{*FUNCTIONS} - {f"{MODULE}.of_two"}, f"{MODULE}.of_one"],
    ("USER_SESSIONS", "URL"): ORIGINS,
    ("CLIENT_SESSIONS", "URL"): ORIGINS,
}


def of_none() -> None: ...


def of_one(one: Any) -> None: ...


def of_two(one: Any, other: Any) -> None: ...


def of_a_keyword(*, one: Any) -> None: ...


async def asynchronous(one: Any) -> None: ...


def __getattr__(name: str) -> Callable[[Any], Any]:
    """Raise like a module with its own error."""
    raise RuntimeError("no such thing") if name == "raises" else AttributeError(name)


def refusals(settings: Any, app: str, given: object) -> list[str]:
    setattr(settings, app, given)
    messages = APPS[app][1]()
    return [message.msg for message in messages if isinstance(message, Error)]


def test_every_setting_is_tested():
    assert set(BAD) == {(app, name) for app, (known, _) in APPS.items() for name in known.setting_names()}


@pytest.mark.parametrize(("app", "name"), BAD)
def test_an_invalid_value_gets_an_error_message(settings, app, name):
    may_be_unset = ("URL", "DEFAULT_WORKSPACE", "PLACE_DATABASE", "DEVICES_PAGE_VERIFIED_WITHIN")
    unset = [None] if name in may_be_unset else []  # their default
    for value in [each for each in [*NONSENSE, *BAD[app, name]] if each not in unset]:
        (refusal,) = refusals(settings, app, {**FINE.get(app, {}), name: value})
        assert f"{app}['{name}']" in refusal, value
        assert refusal.endswith("."), value


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("given", [None, [], ["TOKEN_KEYS"], "nonsense", 5, {"TOKEN_KEYS"}])
def test_settings_that_are_not_a_dict_get_an_error_message(settings, app, given):
    assert f"{app} must be a dict of settings." in refusals(settings, app, given)
    assert run_checks()


@pytest.mark.parametrize("app", APPS)
def test_names_that_are_not_strings_are_unknown_settings(settings, app):
    found = refusals(settings, app, {**FINE.get(app, {}), None: 1, 5: 1, ("RATES",): 1, "rates": 1})
    assert len(found) == 4
    assert all("is an unknown setting" in refusal for refusal in found)


@pytest.mark.parametrize("rate", ["", 0, False])
def test_an_empty_rate_does_not_mean_unlimited(settings, rate):
    settings.USER_SESSIONS = {"RATES": {"visitor": rate}}
    with pytest.raises(ValueError, match="is not a rate"):
        user_settings.rate_of("visitor")
