"""Rate limits: one counter for each caller and window of time.

Counters are in Django's default cache if processes share it and its ``incr`` is atomic, as in Redis and Memcached.
With another cache, or while the cache is unavailable, each process counts by itself and allows its part of the limit.
"""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from math import ceil
from threading import Lock

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from sessions_core.conf import AppSettings, settings
from sessions_core.crypto.tokens import digest

__all__ = ["MOST_CALLERS", "RETRY_SHARED_AFTER", "Rate", "RatedSettings", "counters", "network_of", "seconds_to_wait"]

logger = logging.getLogger(__name__)

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_FORM = re.compile(rf"(?P<requests>[1-9]\d{{0,8}})/(?P<unit>{'|'.join(_UNITS)})", re.ASCII)

# The network of callers without an address.
_NO_NETWORK = ""

# Maximum number of counters in one process. docs/configuration.md has their memory use.
MOST_CALLERS = 20_000

# Seconds before the shared cache is tried again after an error, by one request of the process.
RETRY_SHARED_AFTER = 5


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate limit: ``requests`` in ``seconds``."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: object) -> "Rate":
        """Parse ``"60/minute"``. The units are second, minute, hour and day. Raise ValueError for other texts."""
        if not isinstance(text, str):
            raise ValueError(f"{text!r} is not a rate limit such as '60/minute'")
        return _parse(text)


@lru_cache(maxsize=64)
def _parse(text: str) -> Rate:
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is not a rate limit such as '60/minute'")
    return Rate(requests=int(form["requests"]), seconds=_UNITS[form["unit"]])


class RatedSettings(AppSettings):
    """Settings of an app with rate limits. ``default_rates`` has the kinds of caller and their default limits."""

    default_rates: Mapping[str, str | None]

    @property
    def rates(self) -> Mapping[str, str | None]:
        """Rate limits by kind of caller, such as ``"60/minute"``, or None for no limit. Kinds that are not listed keep
        their default."""
        given = self.given.get("RATES", {})
        return {**self.default_rates, **(given if isinstance(given, dict) else {})}

    def rate_of(self, kind: str) -> Rate | None:
        """Return the limit of a kind, or None for no limit. Raise ValueError for an invalid setting."""
        rate = self.rates.get(kind)
        return None if rate is None else Rate.parse(rate)

    def seconds_to_wait(self, kind: str, *caller: object) -> int:
        """Count a request. Return 0 if it is within the limit of its kind, or the seconds to wait."""
        rate = self.rate_of(kind)
        return seconds_to_wait(rate, kind, *caller) if rate else 0


def seconds_to_wait(rate: Rate, *caller: object, at: float | None = None) -> int:
    """Count a request of the caller. Return 0 if it is within the limit, or the seconds until the next window.

    ``caller`` is everything that identifies the caller, including the workspace. Only a digest of it is stored.
    """
    at = time.time() if at is None else at
    window, elapsed = divmod(at, rate.seconds)
    key = f"gatepass.rate.{digest(repr((caller, rate.seconds, int(window))))[:32]}"
    share = counters.count(key, rate.requests, seconds=rate.seconds * 2)
    return 0 if share <= 1 else max(ceil(rate.seconds - elapsed), 1)


def network_of(address: str) -> str:
    """Return the network that identifies an anonymous caller: the address, or for IPv6 the /64, because one line can
    use all addresses of its /64. Return an empty string for a text that is not an address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return _NO_NETWORK
    return str(ip_network((ip, 64), strict=False)) if ip.version == 6 else address


class OwnCounters:
    """Counters in the memory of this process, of the callers that called last. Windows that are over drop out as well:
    their keys are asked for no more.

    When the newer half is full, the older half is dropped. A counter that is used moves to the newer half, so no
    request is refused because too many callers called, and those who keep calling stay counted. Each takes 60 bits of
    its key and a few bytes, where Django's LocMemCache takes 600 bytes and pickles each count.
    """

    def __init__(self) -> None:
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._newer) + len(self._older)

    def increment(self, key: str) -> int:
        """Return the new count. The key is ``gatepass.rate.`` and hex digits."""
        short = int(key[-15:], 16)  # Python needs 32 bytes for 60 bits, and 48 for 64
        with self._lock:
            count = self._newer[short] = (self._newer.get(short) or self._older.pop(short, 0)) + 1
            if len(self._newer) >= MOST_CALLERS // 2:
                self._newer, self._older = {}, self._newer
            return count

    def clear(self) -> None:
        self._newer, self._older = {}, {}


class Counters:
    """Counts in the shared cache, and in the memory of this process while there is none."""

    def __init__(self) -> None:
        self.own = OwnCounters()
        self.shared_unavailable_until = 0.0  # 0 while it is available
        self._trying = Lock()

    def count(self, key: str, most: int, *, seconds: int) -> float:
        """Increment a counter that expires after ``seconds``. Return the part of ``most`` that is used."""
        shared = caches["default"]
        if _is_shared(shared) and self._may_ask_shared():
            try:
                count = _increment(shared, key, seconds)
                self.shared_unavailable_until = 0.0
                return count / most
            except Exception as error:  # each cache backend has errors of its own
                self.shared_unavailable_until = time.monotonic() + RETRY_SHARED_AFTER
                logger.warning(
                    "The cache is unavailable; this process counts requests by itself. %s: %s", type(error), error
                )
        return self.own.increment(key) / max(most // settings.processes, 1)

    def _may_ask_shared(self) -> bool:
        """Return True if the shared cache is available, or if it is time to try it again. The others do not wait for
        the one that tries."""
        if not self.shared_unavailable_until:
            return True
        with self._trying:
            now = time.monotonic()
            if now < self.shared_unavailable_until:
                return False
            self.shared_unavailable_until = now + RETRY_SHARED_AFTER
            return True

    def clear(self) -> None:
        """Delete the counters of this process."""
        self.own.clear()
        self.shared_unavailable_until = 0.0


counters = Counters()


def _is_shared(cache: BaseCache) -> bool:
    """Return True if processes share the cache and its ``incr`` is atomic. Caches in files and tables inherit an
    ``incr`` that reads and then writes; Django's own store only 300 entries by default."""
    return not isinstance(cache, LocMemCache) and type(cache).incr is not BaseCache.incr


def _increment(cache: BaseCache, key: str, seconds: int) -> int:
    try:
        count = cache.incr(key)
    except ValueError:  # the first request of a window
        cache.add(key, 0, timeout=seconds)
        count = cache.incr(key)
    if not isinstance(count, int):
        raise TypeError(f"the cache returned {count!r} from incr")  # a backend that hides its errors returns None
    return count
