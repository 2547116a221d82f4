"""What a web process does while its database does not answer: one thread tries, and the others are refused at once.

Without this every thread would wait for the same database, one after the other, and no request would be served in time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Outage"]


class Outage:
    """Remembers whether the last attempt got an answer. One object serves all threads of a process."""

    def __init__(self, *, is_silence: Callable[[Exception], bool], refusal: type[Exception]) -> None:
        self._is_silence = is_silence
        self._refusal = refusal
        self._is_out = False
        self._trying = threading.Lock()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Run one call to the database. Raises the refusal at once while another thread is trying."""
        tries = self._is_out
        if tries and not self._trying.acquire(blocking=False):
            raise self._refusal("The database did not answer a moment ago.")
        try:
            yield
        except Exception as error:
            self._is_out = self._is_silence(error)
            raise
        else:
            self._is_out = False
        finally:
            if tries:
                self._trying.release()
