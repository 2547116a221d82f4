"""Lint findings on templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.embedded import embedded
from tests.fuzz import fuzz, values
from user_sessions.templating.shortcodes import SHORTCODES
from user_sessions.templating.template_lint import Finding, lint

pytestmark = embedded


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in findings]


@pytest.mark.parametrize("shortcode", sorted(SHORTCODES))
def test_a_known_shortcode_gives_no_finding(shortcode):
    assert lint({"a": [f"{{{{{shortcode}}}}}", f"x {{{{ {shortcode} || 'none' }}}}"]}) == []


@pytest.mark.parametrize(
    "text",
    [
        "{{user.public_metadata.a.b}}",
        "{{user.organizations.org_1}}",
        "{{session.actor.sub}}",
        "{{1}}",
        "{user.id}",
        "",
        "}",
    ],
)
def test_a_path_into_an_object_and_plain_text_give_no_finding(text):
    assert lint({"a": text, "b": [1, None, True, {"sub": 1.5}]}) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{user.frist_name}}", "unknown_shortcode"),
        ("x {{user.id || usr.id}}", "unknown_shortcode"),
        ("{{user}}", "unknown_shortcode"),
        ("{{user.id.x}}", "unknown_shortcode"),
        ("{{user.public_metadata.list[0]}}", "unknown_shortcode"),
        ("{{user.private_metadata}}", "private_metadata"),
        ("{{'a' || user.private_metadata.plan}}", "private_metadata"),
        ("{{user.id", "malformed_shortcode"),
        ("user.id}}", "malformed_shortcode"),
        ("{{a b}} {{user.id}}", "malformed_shortcode"),
        ("{{}}", "malformed_shortcode"),
    ],
)
def test_a_mistake_in_a_value_is_reported_with_its_path(text, code):
    assert codes(lint({"a/b": {"c~": [0, text]}})) == [(code, "/a~1b/c~0/1")]


@pytest.mark.parametrize(
    ("shortcode", "advice"),
    [
        ("user.frist_name", "Did you mean user.first_name?"),
        ("user.public_metdata.x.y", "Did you mean user.public_metadata.x.y?"),
        ("user.primary_phone_address", "Did you mean user.primary_"),
        ("org.nmae", "Did you mean org.name?"),
    ],
)
def test_the_nearest_name_is_suggested(shortcode, advice):
    (finding,) = lint({"a": f"{{{{{shortcode}}}}}"})
    assert advice in finding.message


def test_no_name_is_suggested_where_none_is_near():
    (finding,) = lint({"a": "{{xyzzy}}"})
    assert "mean" not in finding.message


@pytest.mark.parametrize(
    ("audience", "is_found"),
    [("api", False), (["api", "web"], False), ([], False), (None, True), (17, True), ({}, True), (["api", 1], True)],
)
def test_an_audience_that_verifiers_refuse_is_found(audience, is_found):
    findings = lint({"aud": "{{user.public_metadata.audience}}"}, rendered={"aud": audience})
    assert codes(findings) == [("audience", "/aud")] * is_found


def test_reserved_claims_are_found_at_the_top_and_at_any_letter_case():
    assert codes(lint({"aud": 1, "SUB": {"sub": 1}, "iat": 2})) == [
        ("reserved_claim", "/SUB"),
        ("reserved_claim", "/iat"),
    ]


def test_a_shortcode_in_a_key_is_found():
    assert codes(lint({"a": [{"{{user.id}}": {"b": 1}}]})) == [("shortcode_in_key", "/a/0/{{user.id}}")]


@pytest.mark.parametrize(("letters", "is_found"), [(4086, False), (4087, True)])
def test_a_token_must_fit_into_a_cookie_together_with_its_name(letters, is_found):
    assert codes(lint({}, token="x" * letters)) == [("token_too_large", "")] * is_found


@pytest.mark.parametrize(("letters", "is_found"), [(1192, False), (1193, True)])
def test_claims_should_leave_room_in_the_cookie(letters, is_found):
    assert (
        codes(lint({"a": "{{user.image_url}}"}, rendered={"a": "x" * letters})) == [("token_too_large", "")] * is_found
    )


@pytest.mark.parametrize(
    ("private", "value", "is_found"),
    [
        ({"ssn": "123-45-6789"}, "123-45-6789", True),
        ({"deep": [{"pin": 4711}]}, 4711, True),
        ({"debt": -1000.5}, -1000.5, True),
        ({"plan": "pro"}, "pro", False),
        ({"age": 42}, 42, False),
        ({"flag": True, "none": None, "empty": {}}, True, False),
        ({"ssn": "123-45-6789"}, "another text", False),
        ({}, "123-45-6789", False),
    ],
)
def test_a_value_equal_to_private_metadata_is_found(private, value, is_found):
    findings = lint({"a": "{{user.public_metadata}}"}, rendered={"a": {"b": [value]}}, private_metadata=private)
    assert codes(findings) == [("private_metadata", "/a/b/0")] * is_found
    assert not any(str(value) in finding.message for finding in findings)


def test_findings_come_in_the_order_of_the_claims():
    claims = {"b": "{{no.such}} {{", "{{a}}": ["{{user.private_metadata}}"], "exp": 1}
    assert codes(lint(claims, token="x" * 5000)) == [
        ("unknown_shortcode", "/b"),
        ("malformed_shortcode", "/b"),
        ("shortcode_in_key", "/{{a}}"),
        ("private_metadata", "/{{a}}/0"),
        ("reserved_claim", "/exp"),
        ("token_too_large", ""),
    ]


@fuzz
@given(st.dictionaries(st.text(), values), values)
def test_any_claims_can_be_linted(claims, private):
    assert isinstance(lint(claims, private_metadata={"a": private}), list)
