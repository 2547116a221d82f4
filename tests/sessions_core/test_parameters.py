"""Declarations of parameters: valid values, and the kind of problem of invalid ones."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from sessions_core.http.parameters import (
    Choice,
    Email,
    Flag,
    Instant,
    Kind,
    Number,
    Object,
    Problem,
    Text,
    Texts,
    Unsupported,
    Url,
)
from tests.embedded import embedded

pytestmark = embedded

NESTED = {"a": [{"b": 1}]}


@pytest.mark.parametrize(
    ("parameter", "given", "value"),
    [
        (Text(), "x" * 255, "x" * 255),
        (Text(nullable=True), None, None),
        (Choice(options=("a", "b")), "b", "b"),
        (Url(), "https://example.com/path?a=1", "https://example.com/path?a=1"),
        (Email(), "a@example.com", "a@example.com"),
        (Texts(length=2), ["a", "b"], ["a", "b"]),
        (Flag(), False, False),
        (Number(within=range(1, 11)), 10.0, 10),
        (Instant(), "2030-01-01T01:00:00+01:00", datetime(2030, 1, 1, tzinfo=UTC)),
        (Object(deepest=3), NESTED, NESTED),
    ],
)
def test_a_valid_value_is_read(parameter, given, value):
    assert parameter.read(given) == value


@pytest.mark.parametrize(
    ("parameter", "given", "kind"),
    [
        (Text(), None, Kind.NULL),
        (Text(), 1, Kind.WRONG_TYPE),
        (Text(min_length=1), "", Kind.TOO_SHORT),
        (Text(max_length=1), "ab", Kind.TOO_LONG),
        (Text(), "\x00", Kind.NOT_STORABLE),
        (Choice(options=("a",)), "b", Kind.NOT_ONE_OF),
        (Url(), "javascript:alert(1)", Kind.MALFORMED),
        (Email(), "nobody", Kind.MALFORMED),
        (Instant(), "2030-01-01", Kind.MALFORMED),
        (Texts(length=1), [], Kind.WRONG_COUNT),
        (Texts(min_length=1), [], Kind.TOO_FEW),
        (Texts(max_length=1), ["a", "b"], Kind.TOO_MANY),
        (Flag(), 1, Kind.WRONG_TYPE),
        (Number(within=range(1, 11)), True, Kind.WRONG_TYPE),
        (Number(within=range(1, 11)), 1.5, Kind.FRACTION),
        (Number(within=range(1, 11)), 0, Kind.TOO_SMALL),
        (Number(within=range(1, 11)), 11, Kind.TOO_LARGE),
        (Object(deepest=2), NESTED, Kind.NOT_PLAIN),
        (Object(), {"a": float("inf")}, Kind.NOT_PLAIN),
        (Object(largest=10), {"a": "long enough"}, Kind.TOO_MANY_BYTES),
        (Unsupported(), None, Kind.UNSUPPORTED),
    ],
)
def test_an_invalid_value_is_a_problem_of_its_kind(parameter, given, kind):
    with pytest.raises(Problem) as caught:
        parameter.read(given)
    assert (caught.value.kind, caught.value.parameter, caught.value.value) == (kind, parameter, given)


@pytest.mark.parametrize(
    ("item", "given", "kind"),
    [
        (Text(max_length=1), "bb", Kind.TOO_LONG),
        (Text(min_length=1), "", Kind.TOO_SHORT),
        (Text(), 1, Kind.WRONG_TYPE),
        (Text(), None, Kind.NULL),
        (Text(), "\x00", Kind.NOT_STORABLE),
        (Text(), "\ud800", Kind.NOT_STORABLE),
        (Text(), "é\x00", Kind.NOT_STORABLE),
        (Choice(options=("a",)), "b", Kind.NOT_ONE_OF),
    ],
)
def test_an_invalid_item_is_a_problem_of_its_own_declaration(item, given, kind):
    with pytest.raises(Problem) as caught:
        Texts(item=item).read(["a", given])
    assert (caught.value.kind, caught.value.parameter, caught.value.value) == (kind, item, given)
    assert caught.value.item == 1


def test_valid_items_are_read_one_by_one_or_together():
    assert Texts(item=Text(nullable=True)).read(["a", None, "ключ"]) == ["a", "", "ключ"]
    assert Texts().read(["a", "", "ключ"]) == ["a", "", "ключ"]
    assert Texts().read([]) == []


def test_declarations_need_no_rest_framework():
    code = "import sys; sys.modules['rest_framework'] = None; import sessions_core.http.parameters"
    subprocess.run([sys.executable, "-c", code], check=True)
