"""Where an address roughly is: a function of the host, or a local database in MaxMind's format. No network is used."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore, Thread
from typing import Any

from django.utils.module_loading import import_string

from sessions_core.texts import printable
from user_sessions.conf import settings

__all__ = ["Place", "in_place_database", "unknown"]

logger = logging.getLogger(__name__)

# Characters of a stored city. Two letters are a country.
LONGEST_CITY = 80

# Seconds that a sign-in waits for the place.
PATIENCE = 0.5

# Calls at the same time. A function that hangs cannot be stopped: if all of them hang, it is not called again.
AT_ONCE = 8
_free = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place; empty or None means unknown. ``country`` is an ISO 3166-1 code of two letters.

    Coordinates are degrees. The address is somewhere within ``accuracy_radius`` kilometres of them.
    """

    city: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    accuracy_radius: int | None = None

    def __str__(self) -> str:
        """Return a text such as ``Linköping, SE``, or an empty one."""
        return ", ".join(part for part in (self.city, self.country) if part)


NOWHERE = Place()


def unknown(address: str) -> Place | None:
    """Return None: the place of no address is known."""
    return None


def in_place_database(address: str) -> Place | None:
    """Return the place of an address in ``USER_SESSIONS["PLACE_DATABASE"]``. Needs the package ``maxminddb``."""
    path = settings.place_database
    found: Any = _reader(path, path.stat().st_mtime_ns).get(address) if path else None
    if not isinstance(found, dict):
        return None
    location = found.get("location", {})
    return Place(
        city=found.get("city", {}).get("names", {}).get("en", ""),
        country=found.get("country", {}).get("iso_code", ""),
        latitude=location.get("latitude"),
        longitude=location.get("longitude"),
        accuracy_radius=location.get("accuracy_radius"),
    )


def place_database_problem() -> str | None:
    """Return why PLACE_DATABASE cannot be read, or None."""
    path = settings.place_database
    if path is None:
        return None if settings.given.get("PLACE_DATABASE") is None else "it is not a path"
    try:
        _reader(path, path.stat().st_mtime_ns)
    except Exception as problem:  # the package may be missing, and a broken file raises an error of the package
        return f"{type(problem).__name__}: {problem}"
    return None


@lru_cache(maxsize=1)
def _reader(path: Path, _changed_at: int) -> Any:
    """Open the database; again after the file was replaced."""
    import maxminddb

    return maxminddb.open_database(path, maxminddb.MODE_MEMORY)


def place_of(address: str) -> Place:
    """Return the place of an address, which is empty if the function of the host raises, hangs or returns nonsense."""
    function = import_string(settings.place_of_address)
    if function is unknown or not address:
        return NOWHERE
    try:
        found = _call(function, address)
    except TimeoutError:
        logger.warning("%s did not return in time.", settings.place_of_address)
        return NOWHERE
    except Exception as problem:  # a sign-in must not fail because of it
        # Only its type: the text of the error may contain the address.
        logger.warning("%s raised %s.", settings.place_of_address, type(problem).__name__)
        return NOWHERE
    return stored_place(found)


def _call(function: Callable[[str], Any], address: str) -> Any:
    """Return the result of the function. Raise TimeoutError, or what the function raises."""
    if not _free.acquire(blocking=False):
        raise TimeoutError
    called: Future[Any] = Future()

    def work() -> None:
        try:
            called.set_result(function(address))
        except BaseException as problem:
            called.set_exception(problem)
        finally:
            _free.release()

    Thread(
        target=work, name="gatepass-place", daemon=True
    ).start()  # a daemon: it must not keep the process from ending
    return called.result(timeout=PATIENCE)


def stored_place(given: object) -> Place:
    """Return the place with what can be stored of it."""
    if not isinstance(given, Place):
        if given is not None:
            logger.warning("%s must return a Place or None.", settings.place_of_address)
        return NOWHERE
    values: Mapping[str, Any] = vars(given)
    latitude, longitude = _degrees(values["latitude"], 90), _degrees(values["longitude"], 180)
    is_point = latitude is not None and longitude is not None
    radius = values["accuracy_radius"]
    return Place(
        city=printable(values["city"], longest=LONGEST_CITY) if isinstance(values["city"], str) else "",
        country=_country(values["country"]),
        latitude=latitude if is_point else None,
        longitude=longitude if is_point else None,
        accuracy_radius=radius if is_point and type(radius) is int and 0 <= radius <= 20_037 else None,
    )


def _country(given: object) -> str:
    if not isinstance(given, str) or len(given) != 2 or not given.isascii() or not given.isalpha():
        return ""
    return given.upper()


def _degrees(given: object, most: int) -> float | None:
    return float(given) if isinstance(given, int | float) and -most <= given <= most else None
