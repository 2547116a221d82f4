"""A question that a command asks before what cannot be undone."""

import sys

from django.core.management.base import CommandError

__all__ = ["confirm"]


def confirm(question: str, *, asking: str, otherwise: str) -> None:
    """Ask, and go on only after "yes". Raise CommandError with ``otherwise``, or if there is no terminal.

    ``asking`` says what asks before which deed, such as "clean asks before it deletes".
    """
    if not sys.stdin.isatty():
        raise CommandError(f"{asking}, and there is no terminal. Add --no-input.")
    try:
        answer = input(question)
    except EOFError:  # Ctrl-D
        answer = ""
    if answer.strip().lower() != "yes":
        raise CommandError(otherwise)
