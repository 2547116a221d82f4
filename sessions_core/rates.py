"""How often somebody may call: one counter for each caller and window of time.

Counters are in Django's default cache where processes share it and its ``incr`` is one step, as in Redis and Memcached.
Where it is away or any other, each process counts for itself and allows its part of the rate.
"""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from math import ceil

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from sessions_core.conf import AppSettings, settings
from sessions_core.crypto.tokens import digest

__all__ = ["MOST_CALLERS", "Rate", "RatedSettings", "counters", "network_of", "seconds_to_wait"]

logger = logging.getLogger(__name__)

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_FORM = re.compile(rf"(?P<requests>[1-9]\d{{0,8}})/(?P<unit>{'|'.join(_UNITS)})", re.ASCII)

# The network of whoever has no address.
_NO_NETWORK = ""

# Counters that a process keeps by itself; docs/configuration.md says what they cost.
MOST_CALLERS = 20_000

# Seconds without the shared cache after it failed, so that it is not waited for in every request.
_RETRY_SHARED_AFTER = 5


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: object) -> "Rate":
        """``"60/minute"``; the units are second, minute, hour and day. Raises ValueError."""
        form = _FORM.fullmatch(text) if isinstance(text, str) else None
        if form is None:
            raise ValueError(f"{text!r} is not a rate such as '60/minute'")
        return cls(requests=int(form["requests"]), seconds=_UNITS[form["unit"]])


class RatedSettings(AppSettings):
    """Settings of an app that counts calls. ``default_rates`` names the kinds it tells apart."""

    default_rates: Mapping[str, str | None]

    @property
    def rates(self) -> Mapping[str, str | None]:
        """How often somebody may call, by kind: like ``"60/minute"``, or None for as often as they like. Kinds that are
        not named keep their default."""
        given = self.given.get("RATES", {})
        return {**self.default_rates, **(given if isinstance(given, dict) else {})}

    def rate_of(self, kind: str) -> Rate | None:
        """None for a kind that may call as often as it likes. Raises ValueError for what the checks refuse."""
        rate = self.rates.get(kind)
        return None if rate is None else Rate.parse(rate)

    def seconds_to_wait(self, kind: str, *caller: object) -> int:
        """Count one more request of this kind: 0 within its rate or without one, else the seconds to wait."""
        rate = self.rate_of(kind)
        return seconds_to_wait(rate, kind, *caller) if rate else 0


def seconds_to_wait(rate: Rate, *caller: object, at: float | None = None) -> int:
    """Count one more request of the caller: 0 if it is within the rate, else when the next window begins.

    ``caller`` is everything that tells one from another, with its workspace; only a digest of it is kept.
    """
    at = time.time() if at is None else at
    window, elapsed = divmod(at, rate.seconds)
    key = f"gatepass.rate.{digest(repr((caller, rate.seconds, int(window))))[:32]}"
    share = counters.count(key, rate.requests, seconds=rate.seconds * 2)
    return 0 if share <= 1 else max(ceil(rate.seconds - elapsed), 1)


def network_of(address: str) -> str:
    """What to count a caller by whom only the address tells: of IPv6 the /64, of which one line has as many addresses
    as it likes. Who comes with no address, but some word of a proxy's, is one caller with all such."""
    try:
        ip = ip_address(address)
    except ValueError:
        return _NO_NETWORK
    return str(ip_network((ip, 64), strict=False)) if ip.version == 6 else address


class Counters:
    """Counts in the cache that processes share, and in a memory of its own while there is none."""

    def __init__(self) -> None:
        # Django's default of 300 would forget callers too soon. When it is full, LocMemCache drops the third that was
        # used longest ago: a caller who keeps calling stays counted, and nobody is refused for lack of room.
        self.own = LocMemCache("sessions_core.rates", {"OPTIONS": {"MAX_ENTRIES": MOST_CALLERS}})
        self.shared_unavailable_until = 0.0

    def count(self, key: str, most: int, *, seconds: int) -> float:
        """Count one more of this key, which is forgotten after so many seconds: the part of ``most`` that is used."""
        shared = caches["default"]
        if _is_shared(shared) and time.monotonic() >= self.shared_unavailable_until:
            try:
                return _increment(shared, key, seconds) / most
            except Exception as error:  # each cache raises errors of its own, and none may let everybody in, or nobody
                self.shared_unavailable_until = time.monotonic() + _RETRY_SHARED_AFTER
                logger.warning("The cache is away; this process counts rates by itself. %s: %s", type(error), error)
        return _increment(self.own, key, seconds) / max(most // settings.processes, 1)

    def clear(self) -> None:
        """Forget what this process counted."""
        self.own.clear()
        self.shared_unavailable_until = 0.0


counters = Counters()


def _is_shared(cache: BaseCache) -> bool:
    """Whether processes share it and none of their counts is lost. The ``incr`` that caches in files and tables inherit
    reads, then writes; and of those Django's own keep but 300 entries."""
    return not isinstance(cache, LocMemCache) and type(cache).incr is not BaseCache.incr


def _increment(cache: BaseCache, key: str, seconds: int) -> int:
    cache.add(key, 0, timeout=seconds)
    count = cache.incr(key)
    if not isinstance(count, int):
        raise TypeError(f"the cache counted to {count!r}")  # as one does that hides its errors
    return count
