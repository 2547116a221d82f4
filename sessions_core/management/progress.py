"""Progress output of commands that may run for a long time."""

import time
from typing import Protocol

from django.core.management.base import OutputWrapper

__all__ = ["Bar", "Progress"]

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


# Characters of a bar, and seconds between two drawings.
WIDTH = 30
FRAME = 0.1


class Bar:
    """Draws ``[######......] 450 of 1000 sessions`` on one line of a terminal. Draws nothing elsewhere."""

    def __init__(self, output: OutputWrapper, what: str, *, total: int) -> None:
        self.output, self.what, self.total = output, what, total
        self.is_shown = bool(total) and output.isatty()
        self.last = 0.0

    def show(self, number: int) -> None:
        now = time.monotonic()
        if self.is_shown and (now - self.last >= FRAME or number >= self.total):
            self.last = now
            done = min(number * WIDTH // self.total, WIDTH)
            self._draw(f"\r[{'#' * done}{'.' * (WIDTH - done)}] {number} of {self.total} {self.what}")

    def close(self) -> None:
        """Go to the next line, so that what follows does not overwrite the bar."""
        if self.is_shown and self.last:
            self._draw("\n")

    def _draw(self, text: str) -> None:
        self.output.write(text, str, ending="")
        self.output.flush()
