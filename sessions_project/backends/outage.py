"""What a web process does while its database does not answer: it refuses at once, and tries again in the background.

Without this every thread would wait for the same database, one after the other, and no request would be served in time.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Outage"]


class Outage:
    """Whether the database is silent. One object serves all threads of a process."""

    def __init__(self, *, is_silence: Callable[[Exception], bool], refusal: type[Exception]) -> None:
        self._is_silence = is_silence
        self._refusal = refusal
        self._start()
        os.register_at_fork(after_in_child=self._start)  # the child has no thread that waits, or that frees a lock

    def _start(self) -> None:
        self._is_out = threading.Event()
        self._begin = threading.Lock()

    @contextmanager
    def attempt(self, again: Callable[[], object]) -> Iterator[None]:
        """Run one call to the database. During an outage it raises the refusal at once.

        ``again`` reaches the database once more, in a thread of its own, and takes about as long as any call may.
        """
        if self._is_out.is_set():
            raise self._refusal("The database did not answer a moment ago.")
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
        """Try until there is any answer, also that of a database that refuses."""
        while True:
            try:
                again()
            except Exception as error:
                if self._is_silence(error):
                    continue
            self._is_out.clear()
            return
