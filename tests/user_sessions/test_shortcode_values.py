"""Values are data: no value can change the structure of a token."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.embedded import embedded
from tests.fuzz import fuzz
from tests.user_sessions.templates import U1, rendered, with_metadata
from user_sessions.templating import shortcodes
from user_sessions.templating.shortcodes import OutputTooLarge, Template, TemplateError

pytestmark = embedded


@pytest.mark.parametrize(
    ("value", "json_value"),
    [
        *((datetime(2025, 1, 1, tzinfo=UTC), "2025-01-01T00:00:00+00:00"), (date(2025, 1, 2), "2025-01-02")),
        *((Decimal("1.10"), "1.10"), (UUID(int=1), "00000000-0000-0000-0000-000000000001"), ((1, 2), [1, 2])),
        *((float("nan"), None), (float("-inf"), None), (10**400, None), (10**300, 10**300), (2**63, 2**63)),
        *((b"bytes", None), ({1}, None), (object(), None), ("\ud800x\udfff", "\ufffdx\ufffd"), ("\x00", "\x00")),
        *(({"\ud800": {"a": b""}}, {"\ufffd": {"a": None}}), ({1: 2, None: 3, "a": 4}, {"a": 4})),
        *(("{{user.id}}", "{{user.id}}"), ({"{{user.id}}": '"}'}, {"{{user.id}}": '"}'}), (["'", "\\"], ["'", "\\"])),
    ],
)
def test_what_is_not_json_becomes_json_by_one_rule(value, json_value):
    claim = rendered("{{user.public_metadata.x}}", with_metadata(value))
    assert claim == json_value
    json.dumps(rendered("{{user.public_metadata}}", with_metadata(value)), allow_nan=False).encode()
    assert rendered("<{{user.public_metadata.x}}>", with_metadata(value)).encode()


def test_a_value_converted_to_null_takes_the_default():
    assert rendered("{{user.public_metadata.x || 'none'}}", with_metadata(float("nan"))) == "none"


def test_a_value_with_shortcodes_is_not_compiled():
    values = with_metadata("{{user.id}}")
    assert rendered("{{user.public_metadata.x}}{{user.public_metadata.x}}", values) == "{{user.id}}{{user.id}}"
    assert rendered("{{{{user.public_metadata.x}}}}", with_metadata("user.id")) == "{{user.id}}"


def test_a_value_that_contains_itself_ends_in_null():
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    text = json.dumps(rendered("{{user.public_metadata.x}}", with_metadata(loop)))
    assert text.count("loop") == shortcodes.MAX_DATA_DEPTH
    assert "null" in text


def test_a_value_that_branches_into_itself_is_too_large():
    loop: list[Any] = []
    loop += [loop, loop]
    with pytest.raises(OutputTooLarge):
        rendered("{{user.public_metadata.x}}", with_metadata(loop))


def test_claims_share_nothing_with_the_template_or_the_values():
    metadata = {"a": [1]}
    template = Template.compile({"static": {"b": [2]}, "data": "{{user.public_metadata.x}}"})
    claims = template.render(with_metadata(metadata))
    claims["static"]["b"].append(3)
    claims["data"]["a"].append(3)
    assert template.render(with_metadata(metadata)) == {"static": {"b": [2]}, "data": {"a": [1]}}


texts = st.text(st.characters(), max_size=20)
plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=20)
syntax = st.lists(st.sampled_from(["{{", "}}", "{", "'", "||", "|", " ", "user.id", "1", '"', "é", "\\"])).map("".join)


def json_of(strings: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | strings
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4), max_leaves=12
    )


@fuzz
@given(st.dictionaries(plain, json_of(plain), max_size=4))
def test_a_template_without_braces_is_returned_unchanged(claims):
    assert json.dumps(Template.compile(claims).render(U1)) == json.dumps(claims)


@fuzz
@given(json_of(syntax | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)))
def test_any_value_is_inserted_unchanged(value):
    claims = {
        "a": ["{{user.public_metadata.x}}", {"b": "{{user.public_metadata.x}}"}],
        "c": "x{{user.public_metadata.x}}y",
    }
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    expected = {"a": [value, {"b": value}], "c": f"x{text}y"}
    assert Template.compile(claims).render(with_metadata(value)) == expected


def leaves(value: Any, place: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Return each place of a JSON value with its leaf."""
    if not isinstance(value, dict | list):
        return {place: value}
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return {place: type(value)} | {k: v for key, one in inner for k, v in leaves(one, (*place, key)).items()}


odd = st.recursive(
    texts | syntax | st.floats() | st.binary() | st.datetimes() | st.decimals() | st.just(10**4000) | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(texts | st.integers(), inner) | st.tuples(inner),
    max_leaves=20,
)


@fuzz
@given(
    st.dictionaries(
        texts, json_of(syntax | st.sampled_from(["{{user.public_metadata.x}}", "{{user.public_metadata}}", "\ud800"]))
    ),
    odd,
    st.integers(0, 50),
)
def test_no_value_breaks_a_template_or_its_structure(claims, value, depth):
    for _ in range(depth):
        value = [value]
    try:
        template = Template.compile(claims)
        output = template.render(with_metadata(value))
    except (TemplateError, OutputTooLarge):
        return
    json.dumps(output, ensure_ascii=False, allow_nan=False).encode()
    before, after = leaves(claims), leaves(output)
    for place, what in before.items():
        assert place in after
        assert after[place] == what or (isinstance(what, str) and "{{" in what)
    for place in after.keys() - before.keys():
        above = next(place[:end] for end in range(len(place), 0, -1) if place[:end] in before)
        assert "{{" in before[above]


@fuzz
@given(st.dictionaries(st.text() | st.integers(), odd, max_size=5))
def test_any_invalid_template_raises_template_error(claims):
    with suppress(TemplateError, OutputTooLarge):
        Template.compile(claims).render(U1)
