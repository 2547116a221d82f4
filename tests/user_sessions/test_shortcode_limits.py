"""Limits of a template and its output, and reserved claims."""

import json
import re
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.embedded import embedded
from tests.fuzz import fuzz
from tests.user_sessions.templates import U1, rendered, with_metadata
from user_sessions.templating import shortcodes
from user_sessions.templating.shortcodes import (
    RESERVED,
    NotJson,
    OutputTooLarge,
    Template,
    TemplateError,
    TooDeep,
    TooLarge,
    TooManyShortcodes,
    reserved_in,
)

pytestmark = embedded


def nested(depth: int, value: Any = 1) -> dict[str, Any]:
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"a": "x" * shortcodes.MAX_SIZE}, TooLarge),
        ({"a": "é" * (shortcodes.MAX_SIZE // 2)}, TooLarge),
        (nested(shortcodes.MAX_DEPTH + 1), TooDeep),
        (nested(shortcodes.MAX_DEPTH, []), TooDeep),
        (nested(20_000), TooDeep),
        ({"a": ["{{a.b}}"] * 257}, TooManyShortcodes),
        ({"a": "{{1}}" * 257}, TooManyShortcodes),
        ({"a": "{{" + "1||" * 1024 + "1}}"}, TooManyShortcodes),
        ({"a": float("nan")}, NotJson),
        ({"a": float("inf")}, NotJson),
        ({"a": object()}, NotJson),
        ({"a": 10**5000}, NotJson),
        ({"a": "\ud800"}, NotJson),
        ({"\ud800": 1}, NotJson),
        ({"a": {1: 2}}, NotJson),
        ({1: 2}, NotJson),
    ],
)
def test_a_template_over_a_limit_is_refused(claims, reason):
    with pytest.raises(TemplateError) as refused:
        Template.compile(claims)
    assert type(refused.value) is reason


@pytest.mark.parametrize(
    "claims",
    [
        {"a": "x" * (shortcodes.MAX_SIZE - 8)},
        nested(shortcodes.MAX_DEPTH),
        {"a": ["{{a.b}}"] * 256},
        {"a": "{{" + "1||" * 1023 + "1}}"},
    ],
)
def test_a_template_at_its_limits_is_accepted(claims):
    Template.compile(claims).render(U1)


def test_the_output_limit_is_exact():
    overhead = len(json.dumps({"claim": ""}, separators=(",", ":")))
    fits = "é" * ((shortcodes.MAX_OUTPUT - overhead) // 2)
    assert rendered("{{user.public_metadata.x}}", with_metadata(fits)) == fits
    with pytest.raises(OutputTooLarge):
        rendered("{{user.public_metadata.x}}", with_metadata(fits + "éé"))


@pytest.mark.parametrize("template", ["{{user.public_metadata.x}}", "{{user.public_metadata.x}} "])
@pytest.mark.parametrize("value", ["x" * 1000, [0] * 1000, [{"x": ["y" * 20] * 30}] * 20])
def test_many_copies_of_a_value_are_too_large(template, value):
    with pytest.raises(OutputTooLarge):
        rendered([template] * 200, with_metadata(value))


def test_no_quantifier_of_the_grammar_backtracks():
    grammar = re.sub(r"\\.|\[[^]]*\]", "x", shortcodes._EXPRESSION.pattern)
    quantifiers = re.findall(r"(?<=[^(*+?}])(?:[*+?]|\{[\d,]+\})\+?", re.sub(r"\)[*?]", ")", grammar))
    assert quantifiers
    assert all(quantifier.endswith("+") and quantifier != "+" for quantifier in quantifiers)


HOSTILE = [
    *("{", "{{", "{{a", "{{a||", "{{'", "{{' ", "{{'{{'||", "'||", "{{ ", "{{a.", "{{1", "{{1.", "{{-", "{{a[0]", "}}"),
    *("{{'||", "{{a||'", "||{{'", "{{''||", "{{'a'}}", "{{a}}'"),
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("start", ["", "{{", "{{'", "{{a||", "{{'{{'||'"])
def test_a_hostile_text_takes_linear_time(start, piece):
    text = start + piece * (100_000 // len(piece))
    began = perf_counter()
    assert shortcodes.parts_of(text + text)
    # Two hundred thousand squared would be hours.
    assert perf_counter() - began < 10


# Reserved claims.


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_claim_is_found_at_any_letter_case(name):
    for spelling in (name, name.upper(), name.title(), name[:-1] + name[-1].upper()):
        assert reserved_in({"a": 1, spelling: 2, "iss": 3}) == spelling


@fuzz
@given(st.sampled_from(sorted(RESERVED)), st.randoms())
def test_any_spelling_of_a_reserved_claim_is_found(name, random):
    spelling = "".join(random.choice([letter, letter.upper(), "ſ" if letter == "s" else letter]) for letter in name)
    assert reserved_in({spelling: 1}) == spelling


@pytest.mark.wire("C52")
@pytest.mark.parametrize("name", ["azp", "exp", "iat", "iss", "jti", "nbf", "sub"])
def test_the_automatic_claims_are_reserved(name):
    assert reserved_in({name: "x"}) == name


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "x", "name": 1, "email": 1, "role": 1, "https://example.com/sub": 1, "scope": 1, "subject": 1, "": 1},
        {"nested": {"sub": "ok", "ISS": [{"exp": 1}]}},
        {},
    ],
)
def test_other_claims_and_nested_ones_are_free(claims):
    assert reserved_in(claims) is None
