"""While the database does not answer, refuse requests at once and retry in the background.

Otherwise every thread would wait for the database, and no request would be served in time.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Outage"]


class Outage:
    """The state of an outage. All threads of a process share one object."""

    def __init__(self, *, is_silence: Callable[[Exception], bool], refusal: type[Exception]) -> None:
        self._is_silence = is_silence
        self._refusal = refusal
        self._start()
        os.register_at_fork(after_in_child=self._start)  # a forked child does not have the threads of its parent

    def _start(self) -> None:
        self._is_out = threading.Event()
        self._begin = threading.Lock()

    @contextmanager
    def attempt(self, again: Callable[[], object]) -> Iterator[None]:
        """Run a call to the database. During an outage, raise the refusal at once.

        ``again`` calls the database from another thread, with about the same timeout.
        """
        if self._is_out.is_set():
            raise self._refusal("The database does not answer.")
        try:
            yield
        except Exception as error:
            if self._is_silence(error):
                self._wait_in_background(again)
            raise

    def _wait_in_background(self, again: Callable[[], object]) -> None:
        with self._begin:
            if not self._is_out.is_set():
                self._is_out.set()
                threading.Thread(target=self._wait, args=(again,), daemon=True).start()

    def _wait(self, again: Callable[[], object]) -> None:
        """Retry until the database answers, even with an error."""
        while True:
            try:
                again()
            except Exception as error:
                if self._is_silence(error):
                    continue
            self._is_out.clear()
            return
