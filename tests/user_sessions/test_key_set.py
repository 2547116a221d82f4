"""The public key set: what it contains, and how readers may cache it."""

import jwt
import pytest

from tests.callers import Caller
from user_sessions.models import SigningKey


@pytest.mark.wire("C83")
def test_the_key_set_contains_public_members_only(backend, workspace):
    SigningKey.objects.current(workspace)
    keys = backend.get("v1/jwks").json()["keys"]
    assert len(keys) == 1
    assert set(keys[0]) == {"kty", "use", "alg", "kid", "n", "e"}
    assert (keys[0]["kty"], keys[0]["use"], keys[0]["alg"], keys[0]["e"]) == ("RSA", "sig", "RS256", "AQAB")
    key = jwt.PyJWK(keys[0]).key
    assert key.key_size == 2048


@pytest.mark.wire("C84")
def test_anyone_reads_the_same_key_set_at_the_frontend_api(backend, workspace, elsewhere, settings):
    settings.ALLOWED_HOSTS = ["here.example.com", "testserver"]
    SigningKey.objects.current(workspace)
    SigningKey.objects.current(elsewhere)
    public = Caller(host="here.example.com").get(".well-known/jwks.json")
    assert (public.status_code, public.headers["Content-Type"]) == (200, "application/json")
    assert public.json() == backend.get("v1/jwks").json()
    assert public.headers["Cache-Control"] == "public, max-age=300"
    assert public.headers["Access-Control-Allow-Origin"] == "*"


def test_a_host_without_a_workspace_has_no_keys(workspace, settings):
    settings.ALLOWED_HOSTS = [".example.com"]
    response = Caller(host="nobody.example.com").get(".well-known/jwks.json")
    assert (response.status_code, response.error) == (404, "resource_not_found")
    assert Caller(host="here.example.com").request("POST", ".well-known/jwks.json").status_code == 405


def test_a_caller_with_the_current_key_set_gets_304(backend, workspace):
    SigningKey.objects.current(workspace)
    first = backend.get("v1/jwks")
    assert first.headers["Cache-Control"] == "private, max-age=300"
    for kept in (first.headers["ETag"], f'"other", W/{first.headers["ETag"]}', "*"):
        again = backend.request("GET", "v1/jwks", if_none_match=kept)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert backend.request("GET", "v1/jwks", if_none_match='"other"').status_code == 200


def test_reading_the_key_set_creates_no_key(backend):
    assert backend.get("v1/jwks").json() == {"keys": []}
    assert not SigningKey.objects.exists()


def test_a_workspace_publishes_its_own_keys(backend, foreign_backend, workspace, elsewhere):
    for each in (workspace, elsewhere):
        SigningKey.objects.current(each)
    here, there = (caller.get("v1/jwks").json()["keys"] for caller in (backend, foreign_backend))
    assert here[0]["kid"] != there[0]["kid"]
