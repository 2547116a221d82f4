"""Tokens from templates over HTTP, and previews."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from tests.callers import Caller
from tests.user_sessions.conftest import claims_of, first_error, minted
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import JwtTemplate, ReservedClaim, UserSession
from user_sessions.templating.shortcodes import RESERVED, RESERVED_IN_SESSION_TOKENS
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.users import user_id
from user_sessions.verify import WrongKind

PATH = "v1/jwt_templates"


@pytest.fixture(autouse=True)
def profiles(settings):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.profile_of"}


@pytest.fixture
def from_template(backend):
    """Return a function that defines a template, mints a token from it and returns the claims."""

    def mint(session: Any, claims: dict[str, Any], **definition: Any) -> dict[str, Any]:
        JwtTemplate.objects.all().delete()
        assert backend.post(PATH, name="t1", claims=claims, **definition).status_code == 200
        return claims_of(minted(backend, f"{session.pk}", template="t1"))

    return mint


@pytest.mark.wire("C64")
def test_a_template_token_has_the_template_s_claims_and_the_automatic_ones(backend, session):
    backend.post(PATH, name="t1", claims={"a": 1})
    token = minted(backend, session.pk, template="t1")
    claims = claims_of(token)
    assert set(claims) == {"a", "iss", "sub", "iat", "nbf", "exp", "jti"}
    assert (claims["exp"] - claims["iat"], claims["iat"] - claims["nbf"]) == (60, 5)
    header = jwt.get_unverified_header(token)
    assert header["cat"] == "cl_B7d4PD222AAA"
    assert header["kid"] in [key["kid"] for key in backend.get("v1/jwks").json()["keys"]]


@pytest.mark.wire("C65")
@pytest.mark.parametrize("name", ["unknown", "%00", "t1%2Fx", "__session_token", "T1", "💥"])
def test_minting_from_an_unknown_template_is_404(backend, workspace, session, name):
    backend.post(PATH, name="t1", claims={})
    JwtTemplate.objects.customise_session_tokens(workspace, {}, actor="test")
    response = backend.request("POST", f"v1/sessions/{session.pk}/tokens/{name}")
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C66", "C67")
def test_a_template_sets_the_lifetime_and_clock_skew_of_its_tokens(backend, session):
    backend.post(PATH, name="t1", claims={}, lifetime=600, allowed_clock_skew=30)
    claims = claims_of(minted(backend, session.pk, template="t1"))
    assert (claims["exp"] - claims["iat"], claims["iat"] - claims["nbf"]) == (600, 30)
    claims = claims_of(minted(backend, session.pk, template="t1", expires_in_seconds=3600))
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.wire("C190")
def test_no_token_lives_longer_than_the_operator_allows_or_than_its_session(backend, workspace, u1, settings):
    session = UserSession.objects.start(workspace, u1, actor="test", lifetime=timedelta(minutes=10))
    backend.post(PATH, name="t1", claims={}, lifetime=315_360_000)
    claims = claims_of(minted(backend, session.pk, template="t1"))
    assert claims["exp"] == int(session.expire_at.timestamp())
    settings.USER_SESSIONS = {"TEMPLATE_TOKEN_MAX_LIFETIME": timedelta(minutes=5)}
    claims = claims_of(minted(backend, session.pk, template="t1", expires_in_seconds=3600))
    assert claims["exp"] - claims["iat"] == 300


# The template text, and its value for U1 and for U2.
SHORTCODES = [
    ("{{user.public_metadata.profile.interests}}", ["reading", "climbing"], None),
    ("{{user.unsafe_metadata}}", {"foo": {"bar": 42}}, {}),
    ("{{user.email_verified}}", True, False),
    ("{{user.last_name}} {{user.first_name}}", "Doe Maria", "null null"),
    ("{{user.username}}", None, None),
    ("{{user.i_dont_exist}}", None, None),
    ("{{user.public_metadata.no.such}}", None, None),
    ("{{user.full_name || 'Awesome User'}}", "Maria Doe", "Awesome User"),
    ("{{user.public_metadata.missing || user.unsafe_metadata.missing || 30 }}", 30, 30),
    ("{{user.public_metadata.age || 7}}", 0, 7),
    ("{{user.email_verified || user.phone_number_verified}}", True, False),
    ("{{user.phone_number_verified || 'no'}}", "no", "no"),
    ("v={{user.email_verified}}", "v=true", "v=false"),
    ("{{org.id}}", None, None),
    ("{{session.actor}}", None, None),
]


@pytest.mark.wire("C68", "C69", "C70", "C71", "C72", "C73", "C74", "C75", "C76", "C77", "C80")
@pytest.mark.parametrize(("text", "of_u1", "of_u2"), SHORTCODES)
def test_each_shortcode_gives_its_value_in_a_token(from_template, workspace, u1, u2, text, of_u1, of_u2):
    for user, expected in ((u1, of_u1), (u2, of_u2)):
        given = from_template(UserSession.objects.start(workspace, user, actor="test"), {"x": text})["x"]
        assert (given, type(given)) == (expected, type(expected))


@pytest.mark.wire("C69", "C78")
def test_ids_and_times_keep_their_types_in_a_token(from_template, session, u1):
    claims = from_template(session, {"id": "{{user.id}}", "again": "{{ user.id }}", "at": "{{user.created_at}}"})
    assert claims["id"] == claims["again"] == user_id(u1.pk)
    assert len(str(claims["at"])) == 10
    assert isinstance(claims["at"], int)


@pytest.mark.wire("C79")
def test_a_token_replaces_shortcodes_in_values_but_not_in_keys(from_template, session):
    claims = from_template(session, {"{{user.id}}": [{"a": ["{{user.first_name}}"]}]})
    assert claims["{{user.id}}"] == [{"a": ["Maria"]}]


@pytest.mark.wire("C80")
def test_a_token_of_an_impersonation_can_show_its_actor(from_template, workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test", impersonator={"sub": "user_9"})
    assert from_template(session, {"x": "{{session.actor}}"})["x"] == {"sub": "user_9"}


def test_a_token_tells_how_and_when_the_user_authenticated(from_template, workspace, u1):
    session = UserSession.objects.start(workspace, u1, actor="test", amr=["pwd", "otp"])
    claims = from_template(session, {"amr": "{{session.amr}}", "auth_time": "{{session.auth_time}}"})
    assert (claims["amr"], claims["auth_time"]) == (["pwd", "otp"], int(session.verified_at.timestamp()))


@pytest.mark.wire("C81")
def test_static_values_reach_the_token_unchanged(from_template, session):
    claims = {"a": 1, "b": 2.5, "c": "x", "d": True, "e": None, "f": [], "g": {}, "h": -0.0, "i": "}}{{"}
    given = from_template(session, claims)
    assert {name: given[name] for name in claims} == claims


# Claims that Convex, Supabase and others read, which otherwise only our session tokens have.
OF_AN_ORGANISATION = {"org_id": "org_1", "org_role": "admin", "org_slug": "acme", "org_permissions": ["a"], "o": 1}
LIKE_A_SESSION = {**OF_AN_ORGANISATION, "act": {"sub": "user_1"}, "sts": "active", "session_id": "sess_1"}


def test_a_template_can_name_an_organisation_and_an_actor(from_template, session):
    claims = from_template(session, LIKE_A_SESSION)
    assert claims.items() >= LIKE_A_SESSION.items()
    assert not RESERVED - {"iss", "sub", "iat", "nbf", "exp", "jti"} & claims.keys()


@pytest.mark.parametrize("claim", sorted(RESERVED_IN_SESSION_TOKENS - RESERVED))
def test_the_template_for_session_tokens_cannot_set_them(workspace, claim):
    with pytest.raises(ReservedClaim):
        JwtTemplate.objects.customise_session_tokens(workspace, {claim.upper(): "x"}, actor="test")


def test_no_verifier_accepts_a_template_token_as_a_session_token(backend, workspace, session):
    backend.post(PATH, name="t1", claims=LIKE_A_SESSION)
    token = minted(backend, session.pk, template="t1")
    with pytest.raises(WrongKind):
        verifier_of(workspace, at=timezone.now()).verify(token)
    verified = backend.post(f"v1/sessions/{session.pk}/verify", token=token)
    assert (verified.status_code, verified.error) == (400, "invalid_session_token")
    origin = {"request_origin": "https://app.example.com", "request_headers": {}, "request_originating_ip": "127.0.0.1"}
    body = {"expired_token": token, "refresh_token": refresh_token(session), **origin}
    refreshed = backend.post(f"v1/sessions/{session.pk}/refresh", **body)
    assert (refreshed.status_code, refreshed.error) == (401, "session_refresh_session_token_ineligible")


@pytest.mark.parametrize("path", ["v1/me", "v1/me/sessions/active", "v1/sessions", "v1/jwks"])
def test_no_endpoint_accepts_a_template_token(backend, session, settings, path):
    settings.ALLOWED_HOSTS = ["here.example.com", "testserver"]
    backend.post(PATH, name="t1", claims=LIKE_A_SESSION)
    token = minted(backend, session.pk, template="t1")
    caller = Caller(host="here.example.com", authorization=f"Bearer {token}")
    assert caller.get(path, "?_is_native=1").status_code == 401


@pytest.mark.wire("C82")
def test_a_shared_secret_verifies_the_token_and_the_key_set_does_not(backend, session):
    secret = "k" * 32
    own = {"custom_signing_key": True, "signing_algorithm": "HS256", "signing_key": secret}
    backend.post(PATH, name="t1", claims={}, **own)
    token = minted(backend, session.pk, template="t1")
    assert jwt.decode(token, secret, ["HS256"])["sub"] == user_id(session.user_id)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], "kid" in header) == ("HS256", False)
    minted(backend, session.pk)
    for key in backend.get("v1/jwks").json()["keys"]:
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(token, jwt.PyJWK(key), ["RS256", "HS256"])


def test_a_session_token_that_no_verifier_would_read_is_not_minted(backend, workspace, session, settings):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.talkative_profile"}
    JwtTemplate.objects.customise_session_tokens(workspace, {"x": "{{user.public_metadata}}"}, actor="test")
    response = backend.request("POST", f"v1/sessions/{session.pk}/tokens")
    assert (response.status_code, response.error) == (400, "bad_request")


def test_claims_too_large_for_a_token_are_refused(backend, session, settings):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.verbose_profile"}
    backend.post(PATH, name="t1", claims={"x": "{{user.public_metadata}}"})
    response = backend.request("POST", f"v1/sessions/{session.pk}/tokens/t1")
    assert (response.status_code, response.error) == (400, "bad_request")


@pytest.mark.parametrize("verb", ["end", "revoke", "remove", "replace"])
def test_a_session_that_is_over_mints_no_template_token(backend, session, verb):
    backend.post(PATH, name="t1", claims={})
    getattr(session, verb)(actor="test")
    response = backend.request("POST", f"v1/sessions/{session.pk}/tokens/t1")
    assert (response.status_code, response.error) == (404, "resource_not_found")


def test_a_template_belongs_to_its_workspace(backend, foreign_backend, session):
    foreign_backend.post(PATH, name="t1", claims={})
    assert backend.request("POST", f"v1/sessions/{session.pk}/tokens/t1").status_code == 404


# Previews


@pytest.mark.wire("C191")
def test_a_preview_shows_the_claims_that_the_token_has(backend, session):
    stored = backend.post(PATH, name="t1", claims={"x": "{{user.first_name}}"}, lifetime=600).json()
    token = minted(backend, session.pk, template="t1")
    claims = claims_of(token)
    for which in ({"name": "t1"}, {"template_id": stored["id"]}, {"claims": stored["claims"], "lifetime": 600}):
        shown = backend.post(f"{PATH}/preview", session_id=session.pk, **which).json()
        assert (shown["object"], shown["session_id"], shown["lint"]) == ("jwt_template_preview", session.pk, [])
        assert abs(shown["claims"].pop("iat") - claims["iat"]) <= 5
        same = {name: value for name, value in claims.items() if name not in ("iat", "nbf", "exp", "jti")}
        assert {name: shown["claims"][name] for name in same} == same
        assert shown["claims"]["exp"] - shown["claims"]["nbf"] == 605
        assert shown["size"] == len(token)


def test_a_preview_contains_lint_findings(backend, session):
    claims = {"sub": "me", "x": "{{user.frist_name}}", "y": "{{user.private_metadata.key}}", "z": "{{"}
    shown = backend.post(f"{PATH}/preview", session_id=session.pk, claims=claims).json()
    assert {(found["code"], found["path"]) for found in shown["lint"]} == {
        ("reserved_claim", "/sub"),
        ("unknown_shortcode", "/x"),
        ("private_metadata", "/y"),
        ("malformed_shortcode", "/z"),
    }
    assert shown["claims"]["sub"] == user_id(session.user_id)


def test_a_preview_needs_a_live_session_and_a_template(backend, foreign_backend, session):
    def preview(caller: Any, **body: Any) -> Any:
        return caller.post(f"{PATH}/preview", **body)

    assert first_error(preview(backend, claims={}))["meta"] == {"param_name": "session_id"}
    assert first_error(preview(backend, session_id=session.pk))["meta"] == {"param_name": "template_id"}
    too_many = preview(backend, session_id=session.pk, claims={"x": "{{user.id}}" * 300})
    assert (too_many.status_code, too_many.error) == (422, "form_param_value_invalid")
    for which in ({"name": "none"}, {"name": "", "claims": {}}, {"template_id": "", "claims": {}}):
        assert preview(backend, session_id=session.pk, **which).status_code == 404
    assert preview(foreign_backend, session_id=session.pk, claims={}).status_code == 404
    session.revoke(actor="test")
    assert preview(backend, session_id=session.pk, claims={}).status_code == 404


def test_a_preview_stores_nothing(backend, session):
    assert backend.post(f"{PATH}/preview", session_id=session.pk, claims={}).status_code == 200
    assert not JwtTemplate.objects.exists()
