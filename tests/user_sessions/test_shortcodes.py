"""The template language: shortcodes and their values."""

import json
import re

import pytest

from tests.user_sessions.templates import CREATED, INTERESTS, U1, U2, rendered
from user_sessions.profiles import UserProfile
from user_sessions.templating.shortcodes import SHORTCODES, Template, reserved_in, values_of


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
        ("session.amr", ["pwd", "otp", "mfa"], []),
        ("session.auth_time", 1735689600, None),
        ("session.reverification_id", "sver_1", None),
    ],
)
def test_each_shortcode_gives_its_value(path, maria, nobody):
    assert rendered(f"{{{{{path}}}}}") == maria
    assert type(rendered(f"{{{{{path}}}}}")) is type(maria)
    assert rendered(f"{{{{{path}}}}}", U2) == nobody


def test_every_shortcode_has_a_value():
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
def test_an_unknown_path_is_null(path):
    assert rendered(f"{{{{{path}}}}}") is None
    assert rendered(f"<{{{{{path}}}}}>") == "<null>"


def test_a_metadata_key_may_have_letters_of_any_script_and_hyphens():
    assert rendered("{{user.public_metadata.größe}}") == 3
    assert rendered("{{user.public_metadata.zip-code}}") == "x"


@pytest.mark.wire("C68")
def test_metadata_shortcodes_keep_their_json_type():
    assert rendered("{{user.public_metadata.profile.interests}}") == INTERESTS
    assert rendered("{{user.unsafe_metadata}}") == {"theme": "dark"}


@pytest.mark.wire("C69")
def test_user_shortcodes_give_strings_booleans_and_seconds():
    assert rendered("{{user.id}}") == "user_1"
    assert rendered("{{user.email_verified}}") is True
    assert rendered("{{user.email_verified}}", U2) is False
    assert re.fullmatch(r"\d{10}", json.dumps(rendered("{{user.created_at}}")))


@pytest.mark.wire("C70")
def test_a_null_inside_text_becomes_the_word_null():
    assert rendered("{{user.last_name}} {{user.first_name}}") == "Doe Maria"
    assert rendered("{{user.last_name}} {{user.first_name}}", U2) == "null null"


@pytest.mark.wire("C71")
def test_an_unknown_shortcode_is_null():
    assert rendered("{{user.username}}") is None
    assert rendered("{{user.i_dont_exist}}") is None
    assert rendered("{{user.public_metadata.no.such}}") is None


@pytest.mark.wire("C72")
def test_a_missing_name_takes_the_default():
    assert rendered("{{user.full_name || 'Awesome User'}}") == "Maria Doe"
    assert rendered("{{user.full_name || 'Awesome User'}}", U2) == "Awesome User"


@pytest.mark.wire("C73")
def test_a_default_can_be_a_number():
    assert rendered("{{user.public_metadata.missing || user.unsafe_metadata.missing || 30 }}") == 30


@pytest.mark.wire("C74")
def test_zero_and_the_empty_string_do_not_take_the_default():
    assert rendered("{{user.public_metadata.age || 7}}") == 0
    assert rendered("{{user.public_metadata.empty || 7}}") == ""


@pytest.mark.wire("C75")
def test_if_every_operand_is_null_or_false_the_last_one_counts():
    assert rendered("{{user.email_verified || user.phone_number_verified}}", U2) is False
    assert rendered("{{user.email_verified || user.username}}", U2) is None


@pytest.mark.wire("C76")
def test_false_takes_the_default():
    assert rendered("{{user.phone_number_verified || 'no'}}") == "no"


@pytest.mark.wire("C77")
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
def test_a_shortcode_inside_text_gives_a_string(template, text):
    assert rendered(template) == text


@pytest.mark.wire("C78")
@pytest.mark.parametrize("template", ["{{user.id}}", "{{ user.id }}", "{{\t\r\nuser.id   }}"])
def test_blanks_inside_a_shortcode_are_ignored(template):
    assert rendered(template) == "user_1"


@pytest.mark.parametrize(
    "template", [" {{user.email_verified}}", "{{user.email_verified}} ", "\n{{user.email_verified}}"]
)
def test_outer_blanks_are_kept_and_make_a_string(template):
    assert rendered(template) == template.replace("{{user.email_verified}}", "true")


@pytest.mark.wire("C79")
def test_shortcodes_work_in_arrays_and_objects_but_not_in_keys():
    claims = {"{{user.id}}": ["{{user.id}}", {"sub": {"{{user.id}}": ["a {{user.id}}"]}}]}
    expected = {"{{user.id}}": ["user_1", {"sub": {"{{user.id}}": ["a user_1"]}}]}
    assert Template.compile(claims).render(U1) == expected


@pytest.mark.wire("C80")
def test_the_organization_is_null_and_the_actor_can_be_null():
    assert rendered("{{org.id}}") is None
    assert rendered("{{session.actor}}", U2) is None
    assert rendered("{{session.actor}}") == {"sub": "user_9"}


@pytest.mark.wire("C81")
def test_static_values_are_unchanged():
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
def test_templates_of_known_services_pass_the_lint(claims):
    assert reserved_in(claims) is None
    assert {".".join(path.split(".")[:2]) for path in Template.compile(claims).paths} <= SHORTCODES
    assert list(Template.compile(claims).render(U1)) == list(claims)


def test_templates_of_known_services_give_the_expected_claims():
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


def test_a_profile_with_one_name_has_that_full_name():
    values = values_of(UserProfile(created_at=CREATED, updated_at=CREATED, last_name="Doe"), user_id="user_3")
    assert rendered("{{user.full_name}}", values) == "Doe"
