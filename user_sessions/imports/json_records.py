"""Read the records of a JSON file of any size, a piece at a time.

The file is a list, an object with the list as ``data`` (as Clerk's Backend API returns it), several of these, or JSON
lines.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from user_sessions.imports.past_sessions import Outcome, Refused

__all__ = ["json_records"]

# Characters
CHUNK = 65_536
LONGEST_RECORD = 1_000_000

# Characters of what cannot be cut in JSON without an error where it begins: false, \u00e9.
LONGEST_WORD = 10

_SPACE = re.compile(r"[ \t\n\r\ufeff]*")
_OTHER = r'"(?:total_count|object|has_more)"\s*:\s*"?\w+"?'
_PAGE = re.compile(rf'\{{\s*(?:{_OTHER}\s*,\s*)*"data"\s*:\s*\[')
_END_OF_PAGE = re.compile(rf"\s*(?:,\s*{_OTHER}\s*)*\}}")

# Characters that the beginning or the end of a page needs at most.
PAGE_LENGTH = 500


def json_records(file: TextIO) -> Iterator[dict[str, Any] | Outcome]:
    """Yield each record, or why it cannot be read. After a record of a list that is not JSON nothing more is read."""
    return _Records(file).top_level()


class _Records:
    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.text = ""
        self.place = 0

    def top_level(self) -> Iterator[dict[str, Any] | Outcome]:
        while next_one := self._next():
            page = _PAGE.match(self.text, self.place)
            try:
                if next_one == "[" or page:
                    self.place = page.end() if page else self.place + 1
                    yield from self._elements()
                    if page:
                        self._end_page()
                    continue
            except Refused as refused:
                yield refused.outcome
                return
            try:
                yield self._record()
            except Refused as refused:
                self._skip_line()
                yield refused.outcome

    def _elements(self) -> Iterator[dict[str, Any] | Outcome]:
        """Yield the records up to the end of the list. Raise Refused if the rest cannot be read."""
        is_first = True
        while (next_one := self._next()) != "]":
            if not is_first:
                if next_one != ",":
                    raise Refused(Outcome.NOT_JSON)
                self.place += 1
                self._next()
            yield self._record()
            is_first = False
        self.place += 1

    def _record(self) -> dict[str, Any] | Outcome:
        """Return the record that begins here. Raise Refused if it is not JSON or too long."""
        while True:
            try:
                value, self.place = _DECODER.raw_decode(self.text, self.place)
                return value if isinstance(value, dict) else Outcome.INVALID
            except json.JSONDecodeError as error:
                may_go_on = error.pos > len(self.text) - LONGEST_WORD or error.msg.startswith("Unterminated string")
                if may_go_on and len(self.text) - self.place > LONGEST_RECORD:
                    raise Refused(Outcome.TOO_LONG) from None
                if not may_go_on or not self._read():
                    raise Refused(Outcome.NOT_JSON) from None
            except (ValueError, RecursionError):  # NaN, a number of thousands of digits, thousands of brackets
                raise Refused(Outcome.NOT_JSON) from None

    def _end_page(self) -> None:
        self._next()
        end = _END_OF_PAGE.match(self.text, self.place)
        if end is None:
            raise Refused(Outcome.NOT_JSON)
        self.place = end.end()

    def _next(self) -> str:
        """Go to the next character that is no space. Return it, or an empty string at the end."""
        while True:
            space = _SPACE.match(self.text, self.place)
            self.place = space.end() if space else self.place
            if len(self.text) - self.place < PAGE_LENGTH and self._read():
                continue
            return self.text[self.place : self.place + 1]

    def _skip_line(self) -> None:
        """Go to the end of the line, however far that is."""
        while (end := self.text.find("\n", self.place)) < 0:
            self.place = len(self.text)
            if not self._read():
                return
        self.place = end + 1

    def _read(self) -> bool:
        """Read on, twice as much as is there. Return False at the end of the file."""
        rest = self.text[self.place :]
        more = self.file.read(max(CHUNK, len(rest)))
        self.text, self.place = rest + more, 0
        return bool(more)


def _refuse(_constant: str) -> None:
    raise ValueError


_DECODER = json.JSONDecoder(parse_constant=_refuse)
