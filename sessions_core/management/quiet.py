"""A base of commands that end without a traceback when their reader or their operator stops them."""

import os
import sys
from collections.abc import Sequence

from django.core.management.base import BaseCommand

__all__ = ["QuietCommand"]

# What a shell returns for a program that a signal ended: 128 and the number of the signal.
BROKEN_PIPE = 141
INTERRUPTED = 130


class QuietCommand(BaseCommand):
    """Exits with 141 if nobody reads its output any more, such as ``head``, and with 130 after Ctrl-C."""

    def run_from_argv(self, argv: Sequence[str]) -> None:
        try:
            super().run_from_argv(list(argv))
            sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes stdout once more when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(BROKEN_PIPE)
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
            sys.exit(INTERRUPTED)
