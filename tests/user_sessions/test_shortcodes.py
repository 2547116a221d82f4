"""The language of templates: what a shortcode is, what it gives, and what no value can do to a token."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import fuzz
from user_sessions import shortcodes
from user_sessions.profiles import UserProfile
from user_sessions.shortcodes import (
    RESERVED,
    SHORTCODES,
    NotJson,
    OutputTooLarge,
    Template,
    TemplateError,
    TooDeep,
    TooLarge,
    TooManyShortcodes,
    reserved_in,
    values_of,
)

CREATED = datetime(2024, 5, 6, 7, 8, 9, 999_999, tzinfo=UTC)
SEEN = datetime(2025, 1, 1, tzinfo=UTC)
INTERESTS = ["hiking", "knitting"]

U1 = values_of(
    UserProfile(
        created_at=CREATED,
        updated_at=SEEN,
        external_id="ext-1",
        first_name="Maria",
        last_name="Doe",
        primary_email_address="maria@example.com",
        primary_phone_number="+15555550100",
        email_verified=True,
        image_url="https://img.example.com/maria",
        has_image=True,
        two_factor_enabled=True,
        last_sign_in_at=SEEN,
        public_metadata={"profile": {"interests": INTERESTS}, "age": 0, "empty": "", "größe": 3, "zip-code": "x"},
        unsafe_metadata={"theme": "dark"},
        private_metadata={"secret": "hush-hush"},
        organizations={"org_1": "org:admin"},
    ),
    user_id="user_1",
    actor={"sub": "user_9"},
)
U2 = values_of(UserProfile(created_at=CREATED, updated_at=CREATED), user_id="user_2")


def rendered(value: Any, values: Mapping[str, Any] = U1) -> Any:
    return Template.compile({"claim": value}).render(values)["claim"]


def with_metadata(value: Any) -> dict[str, Any]:
    return values_of(
        UserProfile(created_at=CREATED, updated_at=CREATED, public_metadata={"x": value}), user_id="user_3"
    )


@pytest.mark.parametrize(
    ("path", "maria", "nobody"),
    [
        ("user.id", "user_1", "user_2"),
        ("user.external_id", "ext-1", None),
        ("user.username", None, None),
        ("user.first_name", "Maria", None),
        ("user.last_name", "Doe", None),
        ("user.full_name", "Maria Doe", None),
        ("user.primary_email_address", "maria@example.com", None),
        ("user.primary_phone_number", "+15555550100", None),
        ("user.email_verified", True, False),
        ("user.phone_number_verified", False, False),
        ("user.image_url", "https://img.example.com/maria", ""),
        ("user.has_image", True, False),
        ("user.two_factor_enabled", True, False),
        ("user.created_at", 1714979289, 1714979289),
        ("user.updated_at", 1735689600, 1714979289),
        ("user.last_sign_in_at", 1735689600, None),
        ("user.public_metadata.profile", {"interests": INTERESTS}, None),
        ("user.unsafe_metadata", {"theme": "dark"}, {}),
        ("user.unsafe_metadata.theme", "dark", None),
        ("user.organizations", {"org_1": "org:admin"}, {}),
        ("user.organizations.org_1", "org:admin", None),
        ("org.id", None, None),
        ("org.name", None, None),
        ("org.slug", None, None),
        ("org.role", None, None),
        ("org.public_metadata", None, None),
        ("org.public_metadata.x", None, None),
        ("org_membership.public_metadata", None, None),
        ("org_membership.public_metadata.x", None, None),
        ("org_membership.permissions", None, None),
        ("session.actor", {"sub": "user_9"}, None),
        ("session.reverification_id", None, None),
    ],
)
def test_a_shortcode_gives_what_the_table_says(path, maria, nobody):
    assert rendered(f"{{{{{path}}}}}") == maria
    assert type(rendered(f"{{{{{path}}}}}")) is type(maria)
    assert rendered(f"{{{{{path}}}}}", U2) == nobody


def test_the_values_are_those_of_the_language_and_no_more():
    assert set(U1) == set(U2) == SHORTCODES


@pytest.mark.parametrize(
    "path",
    [
        *(
            "user",
            "session",
            "org",
            "user.private_metadata",
            "user.private_metadata.secret",
            "user.primary_phone_address",
        ),
        *(
            "user.__class__",
            "user.id.__class__",
            "user.public_metadata.__class__.__name__",
            "user.public_metadata.keys",
        ),
        *("user.password_enabled", "USER.ID", "user.ID", "__class__", "self", "settings.SECRET_KEY", "user-id"),
        *("user.public_metadata.profile.interests.0", "user.public_metadata.profile.interests[0]", "user[0]"),
        *("user.public_metadata.profile.interests.length", "user.public_metadata.age.x", "user.id.0", "constructor"),
    ],
)
def test_what_is_not_in_the_language_is_null(path):
    assert rendered(f"{{{{{path}}}}}") is None
    assert rendered(f"<{{{{{path}}}}}>") == "<null>"


def test_a_metadata_key_may_have_letters_of_any_script_and_hyphens():
    assert rendered("{{user.public_metadata.größe}}") == 3
    assert rendered("{{user.public_metadata.zip-code}}") == "x"


def test_case_68_metadata_keep_their_type():
    assert rendered("{{user.public_metadata.profile.interests}}") == INTERESTS
    assert rendered("{{user.unsafe_metadata}}") == {"theme": "dark"}


def test_case_69_strings_booleans_and_seconds():
    assert rendered("{{user.id}}") == "user_1"
    assert rendered("{{user.email_verified}}") is True
    assert rendered("{{user.email_verified}}", U2) is False
    assert re.fullmatch(r"\d{10}", json.dumps(rendered("{{user.created_at}}")))


def test_case_70_an_interpolated_null_is_its_text():
    assert rendered("{{user.last_name}} {{user.first_name}}") == "Doe Maria"
    assert rendered("{{user.last_name}} {{user.first_name}}", U2) == "null null"


def test_case_71_what_is_unknown_is_null():
    assert rendered("{{user.username}}") is None
    assert rendered("{{user.i_dont_exist}}") is None
    assert rendered("{{user.public_metadata.no.such}}") is None


def test_case_72_a_default_for_a_name():
    assert rendered("{{user.full_name || 'Awesome User'}}") == "Maria Doe"
    assert rendered("{{user.full_name || 'Awesome User'}}", U2) == "Awesome User"


def test_case_73_a_default_that_is_a_number():
    assert rendered("{{user.public_metadata.missing || user.unsafe_metadata.missing || 30 }}") == 30


def test_case_74_zero_is_not_falsy_and_nor_is_the_empty_string():
    assert rendered("{{user.public_metadata.age || 7}}") == 0
    assert rendered("{{user.public_metadata.empty || 7}}") == ""


def test_case_75_the_last_operand_whatever_it_is():
    assert rendered("{{user.email_verified || user.phone_number_verified}}", U2) is False
    assert rendered("{{user.email_verified || user.username}}", U2) is None


def test_case_76_false_gives_way():
    assert rendered("{{user.phone_number_verified || 'no'}}") == "no"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("v={{user.email_verified}}", "v=true"),
        ("{{user.created_at}}s", "1714979289s"),
        ("{{user.public_metadata.profile}}!", '{"interests":["hiking","knitting"]}!'),
        ("{{user.public_metadata.profile.interests}}{{1.5}}", '["hiking","knitting"]1.5'),
        ('{"id":{{user.id}}}', '{"id":user_1}'),
    ],
)
def test_case_77_interpolation_makes_a_string(template, text):
    assert rendered(template) == text


@pytest.mark.parametrize("template", ["{{user.id}}", "{{ user.id }}", "{{\t\r\nuser.id   }}"])
def test_case_78_inner_blanks_do_not_matter(template):
    assert rendered(template) == "user_1"


@pytest.mark.parametrize(
    "template", [" {{user.email_verified}}", "{{user.email_verified}} ", "\n{{user.email_verified}}"]
)
def test_outer_blanks_are_kept_and_make_a_string(template):
    assert rendered(template) == template.replace("{{user.email_verified}}", "true")


def test_case_79_inside_arrays_and_objects_but_not_inside_keys():
    claims = {"{{user.id}}": ["{{user.id}}", {"sub": {"{{user.id}}": ["a {{user.id}}"]}}]}
    expected = {"{{user.id}}": ["user_1", {"sub": {"{{user.id}}": ["a user_1"]}}]}
    assert Template.compile(claims).render(U1) == expected


def test_case_80_no_organisation_and_perhaps_an_actor():
    assert rendered("{{org.id}}") is None
    assert rendered("{{session.actor}}", U2) is None
    assert rendered("{{session.actor}}") == {"sub": "user_9"}


def test_case_81_static_values_survive_unchanged():
    claims = {
        "Zeta": "text",
        "camelCase": 1,
        "a": [True, False, None, 1.5, {}, [], ""],
        "https://x.example/y": {"B": -1},
    }
    assert json.dumps(Template.compile(claims).render(U1)) == json.dumps(claims)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        *(("true", True), ("false", False), ("null", None), ("0", 0), ("-7", -7), ("1.50", 1.5), ("2e3", 2000.0)),
        *(("''", ""), ("'a || b'", "a || b"), ("'}} {{user.id}}'", "}} {{user.id}}"), ("'é\n'", "é\n")),
        *(("'\"\\'", '"\\'), ("trueish || 1", 1), ("true.x", None), ("null||false||null", None)),
        *(("false ||\n0", 0), ("null||'x'||'y'", "x")),
    ],
)
def test_literals(expression, value):
    assert rendered(f"{{{{{expression}}}}}") == value
    assert type(rendered(f"{{{{ {expression} }}}}")) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("{{", "}}", "{{}}", "{{ }}", "{{ a b }}", "{{ 'open }}", "{{{{", "{{{{}}}}", "{ {user.id} }", "{user.id}"),
        *("{{user.id}", "{{user.id} }", "{{user..id}}", "{{.id}}", "{{user.}}", "{{user.id()}}", "{{user['id']}}"),
        *("{{a|b}}", "{{a || }}", "{{ || a}}", "{{a ||| b}}", "{{a + 1}}", '{{"a"}}', "{{'it's'}}", "{{'a''b'}}"),
        *("{{01}}", "{{1.}}", "{{.5}}", "{{+1}}", "{{30a}}", "{{1e999}}", "{{NaN}", "{{-a}}", "{{" + "9" * 5000 + "}}"),
        *("{{\u00a0user.id}}", "{{user.id\x00}}", "{% if %}", "${user.id}", "{{user.id|upper}}", "{{#if a}}"),
    ],
)
def test_malformed_braces_are_text(text):
    assert rendered(text) == text
    assert rendered(f"{text} {{{{user.id}}}}") == f"{text} user_1"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{{user.id}}}", "{user_1}"),
        ("{{{{user.id}}}}", "{{user_1}}"),
        ("{{ 'open {{user.id}}", "{{ 'open user_1"),
        ("{{ user.id {{user.id}}", "{{ user.id user_1"),
        ("{{user.id}}}}{{", "user_1}}{{"),
        ("{{user.id}}{{user.id}}", "user_1user_1"),
    ],
)
def test_a_well_formed_shortcode_among_malformed_braces_counts(template, text):
    assert rendered(template) == text


CONVEX = {
    "aud": "convex",
    "name": "{{user.full_name}}",
    "nickname": "{{user.username}}",
    "given_name": "{{user.first_name}}",
    "family_name": "{{user.last_name}}",
    "email": "{{user.primary_email_address}}",
    "email_verified": "{{user.email_verified}}",
    "picture": "{{user.image_url}}",
    "phone_number": "{{user.primary_phone_number}}",
    "phone_number_verified": "{{user.phone_number_verified}}",
    "updated_at": "{{user.updated_at}}",
}
HASURA = {
    "https://hasura.io/jwt/claims": {
        "x-hasura-default-role": "user",
        "x-hasura-allowed-roles": ["user", "{{user.public_metadata.role || 'guest'}}"],
        "x-hasura-user-id": "{{user.id}}",
    }
}
SUPABASE = {
    "aud": "authenticated",
    "role": "authenticated",
    "email": "{{user.primary_email_address}}",
    "app_metadata": {"provider": "{{user.public_metadata.provider}}"},
    "user_metadata": "{{user.unsafe_metadata}}",
}


@pytest.mark.parametrize("claims", [CONVEX, HASURA, SUPABASE])
def test_a_popular_body_reserves_nothing_and_asks_for_known_shortcodes(claims):
    assert reserved_in(claims) is None
    assert {".".join(path.split(".")[:2]) for path in Template.compile(claims).paths} <= SHORTCODES
    assert list(Template.compile(claims).render(U1)) == list(claims)


def test_popular_bodies_become_what_their_readers_expect():
    convex = Template.compile(CONVEX).render(U1)
    assert (convex["name"], convex["email_verified"], convex["updated_at"]) == ("Maria Doe", True, 1735689600)
    assert Template.compile(HASURA).render(U1)["https://hasura.io/jwt/claims"] == {
        "x-hasura-default-role": "user",
        "x-hasura-allowed-roles": ["user", "guest"],
        "x-hasura-user-id": "user_1",
    }
    assert Template.compile(SUPABASE).render(U1)["user_metadata"] == {"theme": "dark"}


def test_the_paths_of_a_template_are_those_of_all_its_operands():
    template = Template.compile({"a": ["{{user.id || user.x}} {{org.id}}"], "{{key.no}}": "{{'lit.eral' || 1}}"})
    assert template.paths == {"user.id", "user.x", "org.id"}


# Values are data.


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


def test_a_value_that_is_null_by_that_rule_gives_way():
    assert rendered("{{user.public_metadata.x || 'none'}}", with_metadata(float("nan"))) == "none"


def test_a_value_that_is_a_template_is_not_one():
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
def test_a_template_without_braces_is_its_own_output(claims):
    assert json.dumps(Template.compile(claims).render(U1)) == json.dumps(claims)


@fuzz
@given(json_of(syntax | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)))
def test_any_value_arrives_as_it_is_and_changes_nothing_around_it(value):
    claims = {
        "a": ["{{user.public_metadata.x}}", {"b": "{{user.public_metadata.x}}"}],
        "c": "x{{user.public_metadata.x}}y",
    }
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    expected = {"a": [value, {"b": value}], "c": f"x{text}y"}
    assert Template.compile(claims).render(with_metadata(value)) == expected


def leaves(value: Any, place: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Each place of a template with what is there; what is substituted has no braces around it any more."""
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
def test_what_is_no_template_is_refused_and_nothing_else_happens(claims):
    with suppress(TemplateError, OutputTooLarge):
        Template.compile(claims).render(U1)


# Limits.


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
def test_a_template_that_is_too_much_is_refused(claims, reason):
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
def test_a_template_at_its_limits_is_one(claims):
    Template.compile(claims).render(U1)


def test_an_output_is_limited_to_the_byte():
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


def test_no_quantifier_of_the_grammar_gives_back_a_character():
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
def test_a_hostile_text_takes_time_in_proportion_to_its_length(start, piece):
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


@pytest.mark.parametrize("name", ["azp", "exp", "iat", "iss", "jti", "nbf", "sub"])
def test_case_52_the_claims_of_every_token_are_reserved(name):
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


def test_a_name_that_is_only_half_known_is_that_half():
    values = values_of(UserProfile(created_at=CREATED, updated_at=CREATED, last_name="Doe"), user_id="user_3")
    assert rendered("{{user.full_name}}", values) == "Doe"
