"""Session tokens: header, claims and lifetime."""

from datetime import timedelta

import jwt
import pytest
from django.utils import timezone

from tests.policies import address_of, set_user_session_policy
from tests.user_sessions.conftest import claims_of, first_error, minted
from user_sessions.keys.key_pairs import new_key_pair, parse
from user_sessions.models import Client, Definition, JwtTemplate, NotLive, UserSession
from user_sessions.tokens.session_tokens import session_token, template_token
from user_sessions.tokens.signing import Unsigned
from user_sessions.users import user_id

DAY = timedelta(days=1)


@pytest.mark.wire("C37")
def test_a_session_token_names_its_key_and_its_category(backend, sign_in, u1):
    header = jwt.get_unverified_header(minted(backend, sign_in(u1)["id"]))
    kids = [key["kid"] for key in backend.get("v1/jwks").json()["keys"]]
    issued = header.pop("oiat")
    assert header == {"alg": "RS256", "typ": "JWT", "kid": kids[0], "cat": "cl_B7d4PD111AAA"}
    assert abs(issued - timezone.now().timestamp()) < 10


@pytest.mark.wire("C38", "C39")
@pytest.mark.parametrize("body", [{}, {"expires_in_seconds": None}])
def test_a_session_token_has_the_default_claims(backend, workspace, sign_in, u1, body):
    id = sign_in(u1)["id"]
    claims = claims_of(minted(backend, id, **body))
    assert set(claims) == {"iss", "sub", "sid", "iat", "exp", "nbf", "jti", "fva", "sts", "v"}
    assert (claims["iss"], claims["sub"], claims["sid"]) == (address_of(workspace), user_id(u1.pk), id)
    assert (claims["exp"] - claims["iat"], claims["iat"] - claims["nbf"]) == (60, 10)
    assert (claims["sts"], claims["v"], claims["fva"]) == ("active", 2, [0, -1])


@pytest.mark.wire("C40")
def test_a_backend_chooses_the_lifetime_of_a_token(backend, sign_in, u1):
    claims = claims_of(minted(backend, sign_in(u1)["id"], expires_in_seconds=120))
    assert claims["exp"] - claims["iat"] == 120


@pytest.mark.wire("C188")
def test_a_token_never_outlives_its_session(backend, sign_in, u1):
    session = sign_in(u1)
    claims = claims_of(minted(backend, session["id"], expires_in_seconds=315_360_000))
    assert claims["exp"] == session["expire_at"] // 1000


@pytest.mark.wire("C41")
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (29, "form_param_value_invalid"),
        (315_360_001, "form_param_value_invalid"),
        (-1, "form_param_value_invalid"),
        (10**400, "form_param_value_invalid"),
        ("60", "form_param_type_invalid"),
        (True, "form_param_type_invalid"),
        (60.5, "form_param_type_invalid"),
        ([], "form_param_type_invalid"),
    ],
)
def test_a_token_lifetime_out_of_range_is_refused(backend, sign_in, u1, seconds, code):
    response = backend.post(f"v1/sessions/{sign_in(u1)['id']}/tokens", expires_in_seconds=seconds)
    assert (response.status_code, response.error) == (422, code)
    assert first_error(response)["meta"] == {"param_name": "expires_in_seconds"}


@pytest.mark.wire("C42")
def test_no_token_is_minted_for_a_session_that_is_over(backend, workspace, u1):
    long_ago = timezone.now() - 8 * DAY
    expired = UserSession.objects.start(workspace, u1, actor="test", at=long_ago)
    over = [expired]
    for verb in ("end", "revoke", "remove", "replace"):
        session = UserSession.objects.start(workspace, u1, actor="test")
        getattr(session, verb)(actor="test")
        over.append(session)
    for session in over:
        response = backend.request("POST", f"v1/sessions/{session.pk}/tokens")
        assert (response.status_code, response.error) == (404, "resource_not_found")


ROWS = {
    "get": lambda session: UserSession.objects.get(pk=session.pk),
    "start": lambda session: session,
    "in_workspace": lambda session: UserSession.objects.in_workspace(session.workspace).get(),
    "a foreign key": lambda session: Client.objects.get().last_active_session,
    "minting": lambda session: UserSession.minting(session.workspace, session.pk, at=timezone.now()),
}


@pytest.mark.parametrize("row", ROWS)
def test_any_row_mints_with_at_most_one_extra_query(workspace, u1, row, django_assert_num_queries):
    JwtTemplate.objects.customise_session_tokens(workspace, {"name": "{{user.username}}"}, actor="test")
    session = UserSession.objects.start(workspace, u1, actor="test")
    session_token(UserSession.objects.get())  # creates and parses the signing key
    session = ROWS[row](session)
    with django_assert_num_queries(0 if row == "minting" else 1):
        claims = claims_of(session_token(session))
    assert (claims["sid"], claims["name"]) == (session.pk, u1.username)


def test_any_row_mints_only_from_templates_of_its_workspace(workspace, live_workspace, u1):
    ours, theirs = (
        JwtTemplate.objects.define(each, Definition(name="t", claims={"own": 1}), actor="test")
        for each in (workspace, live_workspace)
    )
    session = UserSession.objects.start(workspace, u1, actor="test")
    assert claims_of(template_token(session, ours))["own"] == 1
    with pytest.raises(ValueError, match="workspace of the session"):
        template_token(session, theirs)


@pytest.mark.parametrize("over", ["revoked", "gone", "of an inactive user", "expired"])
def test_a_row_that_is_over_mints_nothing(workspace, u1, over):
    begun = timezone.now() - (8 * DAY if over == "expired" else timedelta(0))
    session = UserSession.objects.start(workspace, u1, actor="test", at=begun)
    rows = UserSession.objects.filter(pk=session.pk)
    if over == "of an inactive user":
        type(u1).objects.update(is_active=False)
    if over in ("revoked", "gone"):
        rows.revoke(actor="test") if over == "revoked" else rows.delete()
    with pytest.raises(NotLive):
        session_token(session)


def test_a_banned_user_gets_no_token(backend, sign_in, u1):
    id = sign_in(u1)["id"]
    u1.is_active = False
    u1.save()
    assert backend.request("POST", f"v1/sessions/{id}/tokens").status_code == 404


@pytest.mark.wire("C43")
def test_no_token_is_minted_for_an_unknown_session(backend):
    response = backend.request("POST", "v1/sessions/sess_missing/tokens")
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C44")
def test_two_tokens_of_one_session_differ(backend, sign_in, u1):
    id = sign_in(u1)["id"]
    assert minted(backend, id) != minted(backend, id)


@pytest.mark.wire("C45")
def test_session_tokens_carry_the_custom_claims_of_the_workspace(backend, workspace, sign_in, u1):
    JwtTemplate.objects.customise_session_tokens(workspace, {"nick": "{{user.first_name}}"}, actor="test")
    claims = claims_of(minted(backend, sign_in(u1)["id"]))
    assert claims["nick"] == "Maria"
    assert set(claims) == {"iss", "sub", "sid", "iat", "exp", "nbf", "jti", "fva", "sts", "v", "nick"}


def test_session_tokens_can_tell_how_and_when_the_user_authenticated(workspace, u1, django_assert_num_queries):
    own = {"amr": "{{session.amr}}", "auth_time": "{{session.auth_time}}"}
    JwtTemplate.objects.customise_session_tokens(workspace, own, actor="test")
    session = UserSession.objects.start(workspace, u1, actor="test", amr=["pwd"])
    session_token(session)  # creates and parses the signing key
    minting = UserSession.minting(workspace, session.pk, at=timezone.now())
    with django_assert_num_queries(0):
        claims = claims_of(session_token(minting))
    assert (claims["amr"], claims["auth_time"]) == (["pwd"], int(session.verified_at.timestamp()))


@pytest.mark.wire("C189")
def test_version_1_has_no_claims_for_version_and_status(backend, sign_in, u1, settings):
    settings.USER_SESSIONS = {"SESSION_TOKEN_VERSION": 1}
    claims = claims_of(minted(backend, sign_in(u1)["id"]))
    assert set(claims) == {"iss", "sub", "sid", "iat", "exp", "nbf", "jti", "fva"}


@pytest.mark.wire("C46")
def test_a_token_of_an_impersonation_names_the_actor(backend, workspace, u1, u2):
    actor = {"sub": user_id(u2.pk), "note": "support"}
    session = UserSession.objects.start(workspace, u1, actor="test", impersonator=actor)
    assert claims_of(minted(backend, session.pk))["act"] == actor
    assert backend.get(f"v1/sessions/{session.pk}").json()["actor"] == actor


@pytest.mark.wire("C47")
def test_a_token_states_the_minutes_since_the_sign_in(workspace, u1):
    now = timezone.now()
    session = UserSession.objects.start(workspace, u1, actor="test", at=now)
    session = UserSession.objects.for_minting(at=timezone.now()).get(pk=session.pk)
    token = session_token(session, at=now + timedelta(minutes=7, seconds=5))
    assert claims_of(token)["fva"] == [7, -1]


def test_a_workspace_without_a_frontend_api_has_an_issuer(workspace, backend, sign_in, u1):
    set_user_session_policy(workspace, frontend_api=None)
    workspace.save()
    assert claims_of(minted(backend, sign_in(u1)["id"]))["iss"] == f"urn:uuid:{workspace.pk}"


@pytest.mark.parametrize(("amr", "second"), [([], -1), (["pwd"], -1), (["pwd", "otp", "mfa"], 5)])
def test_a_sign_in_with_several_factors_has_the_time_of_the_second_one(workspace, u1, amr, second):
    now = timezone.now()
    then = now - timedelta(minutes=5)
    session = UserSession.objects.start(workspace, u1, actor="test", at=now, amr=amr, verified_at=then)
    assert claims_of(session_token(session, at=now))["fva"] == [5, second]


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "EdDSA"])
def test_a_token_is_what_a_library_would_make(algorithm):
    secret, private = b"0123456789abcdef" * 4, new_key_pair(algorithm).private if algorithm[0] in "RE" else b""
    key = parse(private) if private else secret
    claims, header = {"name": "Zoë", "nested": {"x": [1, None, True, 1.5]}}, {"kid": "k", "cat": "c", "oiat": 1}
    expected = jwt.encode(claims, key, algorithm, headers=header)
    assert Unsigned(claims, header, key, algorithm).signed() == expected
