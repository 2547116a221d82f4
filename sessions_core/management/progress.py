"""Progress output of commands that may run for a long time."""

import time
from typing import Protocol

__all__ = ["Progress"]

# Seconds between two lines. A faster command prints none.
PAUSE = 2.0


class Output(Protocol):
    def write(self, msg: str) -> object: ...


class Progress:
    """Writes a line such as ``1500 sessions revoked so far`` every ``pause`` seconds."""

    def __init__(self, output: Output, what: str, *, pause: float = PAUSE) -> None:
        self.output = output
        self.what = what
        self.pause = pause
        self.last = time.monotonic()

    def show(self, number: int) -> None:
        now = time.monotonic()
        if now - self.last >= self.pause:
            self.last = now
            self.output.write(f"{number} {self.what}")
