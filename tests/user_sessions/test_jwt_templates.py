"""JWT templates in the Backend API, and invalid ones."""

import json
import re

import pytest

from tests.user_sessions.conftest import first_error
from user_sessions.models import JwtTemplate
from user_sessions.templating.shortcodes import RESERVED

PATH = "v1/jwt_templates"
EC = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
    "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
    "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
    "-----END PRIVATE KEY-----"
)


@pytest.fixture
def template(backend):
    """Create a template through the API. Return its JSON."""
    return backend.post(PATH, name="t1", claims={"a": 1}).json()


@pytest.mark.wire("C48")
def test_a_new_template_has_the_default_settings(template):
    assert re.fullmatch("jtmp_[0-9A-Za-z]{27}", template.pop("id"))
    assert template.pop("created_at") == template.pop("updated_at")
    assert template == {
        "object": "jwt_template",
        "name": "t1",
        "claims": {"a": 1},
        "lifetime": 60,
        "allowed_clock_skew": 5,
        "custom_signing_key": False,
        "signing_algorithm": "RS256",
    }


OWN = {"name": "t", "claims": {}, "custom_signing_key": True}


@pytest.mark.wire("C49", "C55", "C56")
@pytest.mark.parametrize(
    ("body", "code", "parameter"),
    [
        ({"claims": {}}, "form_param_missing", "name"),
        ({"name": "t"}, "form_param_missing", "claims"),
        ({"name": None, "claims": {}}, "form_param_nil", "name"),
        ({"name": "t", "claims": None}, "form_param_nil", "claims"),
        ({"name": "t", "claims": []}, "form_param_type_invalid", "claims"),
        ({"name": 5, "claims": {}}, "form_param_type_invalid", "name"),
        ({"name": "", "claims": {}}, "form_param_format_invalid", "name"),
        ({"name": " ", "claims": {}}, "form_param_format_invalid", "name"),
        *(
            ({"name": name, "claims": {}}, "form_param_format_invalid", "name")
            for name in ("a/b", "role?admin", "role#admin", "a%2fb", "a\\b", ".", "..")
        ),
        ({"name": "a\nb", "claims": {}}, "form_param_format_invalid", "name"),
        ({"name": " a ", "claims": {}}, "form_param_format_invalid", "name"),
        ({"name": "t", "claims": {"aud": 1}}, "form_param_value_invalid", "claims"),
        ({"name": "t", "claims": {"aud": ["a", 1]}}, "form_param_value_invalid", "claims"),
        ({"name": "t" * 256, "claims": {}}, "form_param_value_invalid", "name"),
        ({"name": "t", "claims": {"a": "\ud800"}}, "form_param_value_invalid", "claims"),
        ({"name": "t", "claims": {"a": "{{user.id}}" * 300}}, "form_param_value_invalid", "claims"),
        ({"name": "t", "claims": {"a": "x" * 20_000}}, "form_param_value_too_large", "claims"),
        ({"name": "t", "claims": {}, "lifetime": 29}, "form_param_value_invalid", "lifetime"),
        ({"name": "t", "claims": {}, "lifetime": 315_360_001}, "form_param_value_invalid", "lifetime"),
        ({"name": "t", "claims": {}, "lifetime": "60"}, "form_param_type_invalid", "lifetime"),
        ({"name": "t", "claims": {}, "allowed_clock_skew": 301}, "form_param_value_invalid", "allowed_clock_skew"),
        ({"name": "t", "claims": {}, "allowed_clock_skew": -1}, "form_param_value_invalid", "allowed_clock_skew"),
        ({"name": "t", "claims": {}, "custom_signing_key": "yes"}, "form_param_type_invalid", "custom_signing_key"),
        (OWN, "form_conditional_param_missing", "signing_algorithm"),
        (OWN | {"signing_algorithm": "HS256"}, "form_conditional_param_missing", "signing_key"),
        (OWN | {"signing_algorithm": "none", "signing_key": "k" * 40}, "form_param_value_invalid", "signing_algorithm"),
        (OWN | {"signing_algorithm": "HS256", "signing_key": "k" * 31}, "form_param_value_invalid", "signing_key"),
        (OWN | {"signing_algorithm": "RS256", "signing_key": EC}, "form_param_value_invalid", "signing_key"),
    ],
)
def test_an_invalid_template_is_refused(backend, template, body, code, parameter):
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{template['id']}")):
        response = backend.request(method, path, body)
        assert (response.status_code, response.error) == (422, code)
        assert first_error(response)["meta"] == {"param_name": parameter}
        assert "BEGIN" not in response.content.decode()
    assert [template] == backend.get(PATH).json()


def test_endless_nesting_is_refused(backend):
    body = b'{"name": "t", "claims": ' + b'{"a":' * 17 + b"1" + b"}" * 18
    assert backend.request("POST", PATH, body).error == "form_param_value_invalid"
    assert backend.request("POST", PATH, body.replace(b"1", b"1e999")).error == "form_param_value_invalid"
    endless = b'{"name": "t", "claims": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    assert backend.request("POST", PATH, endless).error == "request_body_invalid"


@pytest.mark.wire("C50")
def test_a_template_may_have_no_claims(backend):
    assert backend.post(PATH, name="t1", claims={}).status_code == 200


@pytest.mark.wire("C51")
def test_a_template_name_is_unique_in_its_workspace(backend, foreign_backend, template):
    response = backend.post(PATH, name="t1", claims={})
    assert (response.status_code, response.error) == (422, "form_already_exists")
    assert first_error(response)["meta"] == {"param_name": "name"}
    other = backend.post(PATH, name="t2", claims={}).json()
    response = backend.request("PATCH", f"{PATH}/{other['id']}", {"name": "t1", "claims": {}})
    assert response.error == "form_already_exists"
    assert backend.get(f"{PATH}/{other['id']}").json() == other
    assert foreign_backend.post(PATH, name="t1", claims={}).status_code == 200


@pytest.mark.wire("C52")
@pytest.mark.parametrize("claim", [*sorted(RESERVED), "SUB", "ſub"])
def test_a_template_with_a_reserved_claim_is_refused(backend, claim):
    response = backend.post(PATH, name="t1", claims={claim: "x"})
    assert (response.status_code, response.error) == (400, "jwt_template_reserved_claim")
    assert claim in first_error(response)["long_message"]
    assert not JwtTemplate.objects.exists()


@pytest.mark.wire("C53", "C54")
@pytest.mark.parametrize(
    "claims",
    [
        *({"aud": "x"}, {"aud": ["x", "y"]}, {"nested": {"sub": "ok"}}, {"role": "r", "https://a.b/c": {}}),
        {
            "org_id": "{{org.id}}",
            "org_role": "r",
            "org_slug": "s",
            "org_permissions": [],
            "o": {},
            "act": {},
            "sts": "",
        },
    ],
)
def test_a_template_may_set_any_other_claim(backend, claims):
    assert backend.post(PATH, name="t1", claims=claims).json()["claims"] == claims


@pytest.mark.wire("C57")
@pytest.mark.parametrize(("algorithm", "key"), [("HS256", "k" * 32), ("HS512", "ä" * 32), ("ES256", EC)])
def test_a_custom_signing_key_is_never_returned(backend, algorithm, key):
    body = {"name": "t1", "claims": {}, "custom_signing_key": True, "signing_algorithm": algorithm, "signing_key": key}
    created = backend.post(PATH, **body)
    assert (created.status_code, created.json()["signing_algorithm"]) == (200, algorithm)
    assert created.json()["custom_signing_key"] is True
    for response in (created, backend.get(PATH), backend.get(f"{PATH}/{created.json()['id']}")):
        assert "signing_key" not in json.dumps(response.json()).replace("custom_signing_key", "")
        assert key[:20] not in response.content.decode()


@pytest.mark.wire("C58")
def test_the_claims_of_a_template_are_returned_unchanged(backend):
    claims = '{"z":1,"camelCase":{"b":[1,2.5,null,true],"a":"x"},"https://hasura.io/jwt/claims":{"x-y":"{{user.id}}"}}'
    created = backend.request("POST", PATH, f'{{"name":"t1","claims":{claims}}}'.encode()).json()
    for shown in (created, backend.get(f"{PATH}/{created['id']}").json()):
        assert json.dumps(shown["claims"], separators=(",", ":")) == claims


@pytest.mark.wire("C59")
def test_an_update_replaces_the_whole_template(backend, template):
    path = f"{PATH}/{template['id']}"
    assert backend.get(path).json() == template
    changed = backend.request("PATCH", path, {"name": "t2", "claims": {"b": 2}, "lifetime": 600}).json()
    assert (changed["name"], changed["claims"], changed["lifetime"]) == ("t2", {"b": 2}, 600)
    assert changed["updated_at"] > template["updated_at"]
    assert (changed["created_at"], changed["id"]) == (template["created_at"], template["id"])
    assert backend.request("PATCH", path, {"name": "t2"}).status_code == 422


@pytest.mark.wire("C185")
def test_a_signing_key_stays_until_it_is_replaced_or_dropped(backend):
    own = {"custom_signing_key": True, "signing_algorithm": "HS256"}
    named = {"name": "t1", "claims": {}}
    path = f"{PATH}/{backend.post(PATH, **named, **own, signing_key='k' * 40, lifetime=600).json()['id']}"
    before = bytes(JwtTemplate.objects.get().sealed_signing_key)
    for body in (named, named | own):
        changed = backend.request("PATCH", path, body).json()
        assert (changed["custom_signing_key"], changed["signing_algorithm"], changed["lifetime"]) == (
            True,
            "HS256",
            600,
        )
        assert bytes(JwtTemplate.objects.get().sealed_signing_key) == before
    for half in ({"signing_key": "n" * 64}, own | {"signing_algorithm": "HS512"}):
        other = backend.request("PATCH", path, named | half)
        assert (other.status_code, other.error) == (422, "form_conditional_param_missing")
    changed = backend.request("PATCH", path, named | {"custom_signing_key": False, "lifetime": None}).json()
    assert (changed["custom_signing_key"], changed["lifetime"]) == (False, 60)
    assert JwtTemplate.objects.get().sealed_signing_key is None


@pytest.mark.wire("C186")
def test_the_template_for_session_tokens_takes_only_claims(backend, workspace):
    template = JwtTemplate.objects.customise_session_tokens(workspace, {"a": 1}, actor="test")
    own = {"custom_signing_key": True, "signing_algorithm": "HS256", "signing_key": "k" * 40}
    body = {"name": "other", "claims": {"b": 2}, "lifetime": 600, **own}
    changed = backend.request("PATCH", f"{PATH}/{template.pk}", body).json()
    assert (changed["name"], changed["claims"], changed["lifetime"]) == (template.name, {"b": 2}, 60)
    assert changed["custom_signing_key"] is False


def test_its_name_is_reserved(backend, template):
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{template['id']}")):
        response = backend.request(method, path, {"name": "__session_token", "claims": {}})
        assert (response.status_code, response.error) == (422, "form_param_format_invalid")


@pytest.mark.wire("C60")
def test_a_deleted_template_is_404(backend, template):
    path = f"{PATH}/{template['id']}"
    assert backend.request("DELETE", path).json() == {"object": "jwt_template", "id": template["id"], "deleted": True}
    for method in ("GET", "DELETE"):
        response = backend.request(method, path)
        assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C61")
def test_templates_are_listed_as_an_array_or_in_pages(backend, template):
    second = backend.post(PATH, name="t2", claims={}).json()
    assert backend.get(PATH).json() == [second, template]
    assert backend.get(PATH, "?paginated=true&limit=1").json() == {"data": [second], "total_count": 2}


@pytest.mark.wire("C62")
@pytest.mark.parametrize("id", ["jtmp_missing", "x", "%00", "%ED%A0%80", "💥"])
def test_an_unknown_template_is_404(backend, id):
    for method, body in (("GET", None), ("PATCH", {"name": "t", "claims": {}}), ("DELETE", None)):
        response = backend.request(method, f"{PATH}/{id}", body)
        assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C63")
def test_the_template_for_session_tokens_cannot_be_deleted(backend, workspace):
    template = JwtTemplate.objects.customise_session_tokens(workspace, {"a": 1}, actor="test")
    response = backend.request("DELETE", f"{PATH}/{template.pk}")
    assert (response.status_code, response.error) == (403, "session_token_jwt_template")
    assert [shown["id"] for shown in backend.get(PATH).json()] == [template.pk]


def test_a_template_of_another_workspace_is_not_found(backend, foreign_backend, template):
    for method, body in (("GET", None), ("PATCH", {"name": "t", "claims": {}}), ("DELETE", None)):
        assert foreign_backend.request(method, f"{PATH}/{template['id']}", body).status_code == 404
    assert foreign_backend.get(PATH).json() == []
    assert backend.get(PATH).json() == [template]
