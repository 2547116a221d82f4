"""Read the JSON text of a template, with the line of each value, so that a finding can name its line."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from user_sessions.templating.shortcodes import MAX_DEPTH

__all__ = ["Malformed", "SourceText", "read"]

# In valid JSON.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')

# The start of a message of Python's parser, and the code of the error.
_CODES = {
    "Expecting property name": "name_expected",
    "Expecting ',' delimiter": "comma_expected",
    "Expecting ':' delimiter": "colon_expected",
    "Expecting value": "value_expected",
    "Extra data": "extra_data",
    "Unterminated string": "unterminated_string",
    "Invalid control character": "control_character",
    "Invalid \\": "invalid_escape",
}


class Malformed(ValueError):
    """The text is not a JSON object. ``line`` and ``column`` count from 1; None if they are unknown."""

    def __init__(self, code: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(code)
        self.code, self.line, self.column = code, line, column


@dataclass(frozen=True)
class SourceText:
    """``lines`` has the line of each value by its JSON pointer (RFC 6901)."""

    claims: Mapping[str, Any]
    lines: Mapping[str, int]


def read(text: str) -> SourceText:
    """Parse a JSON object. Raise Malformed also for what Python's parser accepts: NaN, and a name that occurs twice."""
    try:
        claims = json.loads(text)
    except json.JSONDecodeError as error:
        raise _malformed(text, error) from None
    except RecursionError:
        raise Malformed("too_deep") from None
    except ValueError:
        raise Malformed("number_too_large") from None
    if not isinstance(claims, dict):
        raise Malformed("not_an_object", 1)
    return SourceText(claims, _Walk().lines_of(text))


def _malformed(text: str, error: json.JSONDecodeError) -> Malformed:
    """Return the error at its place; before Python 3.13 that of a comma after the last item is what follows it."""
    before = text[: error.pos].rstrip(" \t\r\n")
    at = error.pos if error.msg.startswith("Illegal trailing comma") else len(before) - 1
    if text[at : at + 1] == "," and text[at + 1 :].lstrip(" \t\r\n")[:1] in ("}", "]"):
        return Malformed("trailing_comma", text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    code = next((code for start, code in _CODES.items() if error.msg.startswith(start)), "not_json")
    return Malformed(code, error.lineno, error.colno)


@dataclass
class _Container:
    """An open object or array: the pointer to it, and to its next value; ``index`` is None in an object."""

    pointer: str
    index: int | None
    value: str | None = None


@dataclass
class _Walk:
    lines: dict[str, int] = field(default_factory=dict)
    containers: list[_Container] = field(default_factory=list)

    def lines_of(self, text: str) -> dict[str, int]:
        line, end = 1, 0
        for token in _TOKEN.finditer(text):
            line += text.count("\n", end, token.start())
            end = token.start()
            self.take(token[0], line)
        return self.lines

    def take(self, token: str, line: int) -> None:
        inside = self.containers[-1] if self.containers else None
        if token in ("}", "]"):
            self.containers.pop()
        elif token == "," and inside:
            inside.value = None
            inside.index = None if inside.index is None else inside.index + 1
        elif token == ":":
            pass
        elif inside and inside.index is None and inside.value is None:
            inside.value = f"{inside.pointer}/{_escape(json.loads(token))}"
            if inside.value in self.lines:
                raise Malformed("name_twice", line)
            self.lines[inside.value] = line
        else:
            self.take_value(token, line, inside)

    def take_value(self, token: str, line: int, inside: _Container | None) -> None:
        if token in ("NaN", "Infinity", "-Infinity"):
            raise Malformed("not_a_number", line)
        pointer = "" if inside is None else inside.value or f"{inside.pointer}/{inside.index}"
        self.lines.setdefault(pointer, line)
        if token in ("{", "["):
            if len(self.containers) == MAX_DEPTH:
                raise Malformed("too_deep", line)
            self.containers.append(_Container(pointer, 0 if token == "[" else None))


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
