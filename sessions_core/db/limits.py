"""The limits of a query as parameters. Django writes them into the SQL, which is then different for each."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["parametrized"]

# A parameter, a percent sign, or a limit.
_PLACES = re.compile(r"%s|%%|\b(?P<word>LIMIT|OFFSET) (?P<number>\d+)")


def parametrized(compiled: tuple[str, Iterable[Any]], values: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """Make parameters of the values that Django writes into the SQL after LIMIT and OFFSET."""
    sql, parameters = compiled
    given, placed = iter(parameters), list[Any]()

    def place(found: re.Match[str]) -> str:
        if found[0] == "%s":
            placed.append(next(given))
        elif found["number"] and (number := int(found["number"])) in values.values():
            placed.append(number)
            return f"{found['word']} %s"
        return found[0]

    return _PLACES.sub(place, sql), tuple(placed)
