"""How often somebody may call: counters in Django's default cache, one for each caller and window of time.

A counter goes up by ``incr``, which memory, Redis and Memcached do atomically. Where the cache is away, each process
counts for itself: slower to notice, never unlimited.
"""

import logging
import re
import time
from dataclasses import dataclass

from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from sessions_core.tokens import digest

__all__ = ["Rate", "seconds_to_wait"]

logger = logging.getLogger(__name__)

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_FORM = re.compile(rf"(?P<requests>[1-9]\d{{0,8}})/(?P<unit>{'|'.join(_UNITS)})", re.ASCII)

_own = LocMemCache("sessions_core.rates", {})


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """``"60/minute"``; the units are second, minute, hour and day. Raises ValueError."""
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError(f"{text!r} is no rate such as '60/minute'")
        return cls(requests=int(form["requests"]), seconds=_UNITS[form["unit"]])


def seconds_to_wait(rate: Rate, *caller: object, at: float | None = None) -> int:
    """Count one more request of the caller: 0 if it is within the rate, else when the next window begins.

    ``caller`` is everything that tells one from another, with its workspace; only a digest of it is kept.
    """
    at = time.time() if at is None else at
    window, elapsed = divmod(at, rate.seconds)
    key = f"gatepass.rate.{digest(repr((caller, rate.seconds, int(window))))[:32]}"
    try:
        count = _count(cache, key, rate.seconds)
    except Exception:  # each cache raises errors of its own, and none of them may let everybody in, or nobody
        logger.warning("The cache is away; this process counts rates by itself.", exc_info=True)
        count = _count(_own, key, rate.seconds)
    return 0 if count <= rate.requests else int(rate.seconds - elapsed) + 1


def _count(counters: BaseCache, key: str, seconds: int) -> int:
    counters.add(key, 0, timeout=seconds * 2)
    try:
        return counters.incr(key)
    except ValueError:  # evicted in between
        return 1
