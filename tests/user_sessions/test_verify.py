"""A service without Django accepts a session token only if every claim is valid."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from inspect import getdoc
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

from sessions_core.models import Workspace
from tests.fuzz import fuzz, values
from tests.pages import blocks, table
from tests.policies import address_of
from user_sessions.models import UserSession
from user_sessions.tokens.session_tokens import session_token
from user_sessions.verify import (
    BadClaim,
    Expired,
    KeySet,
    MissingClaim,
    NotYetValid,
    PendingSession,
    SessionClaims,
    TokenRejected,
    Verifier,
    WrongAudience,
    WrongIssuer,
    WrongParty,
)

PAGE = "verifying.md"
ISSUER = "https://here.example.com"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
AFTER_9999 = 253_402_300_800

SIGNERS = get_default_algorithms()
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
OURS = list(PRIVATE)


def jwk(algorithm: str, private: Any = None, **members: Any) -> dict[str, Any]:
    """Return a public key with its algorithm as ``kid``."""
    public = SIGNERS[algorithm].to_jwk((private or PRIVATE[algorithm]).public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, "alg": algorithm, "use": "sig", "kid": algorithm, **members}


def pem(algorithm: str) -> bytes:
    return PRIVATE[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


JWKS = {"keys": [jwk(algorithm) for algorithm in OURS]}
KEYS = KeySet.from_jwks(JWKS)

CLAIMS = {
    "iss": ISSUER,
    "sub": "user_1",
    "sid": "sess_1",
    "iat": SECONDS,
    "nbf": SECONDS - 10,
    "exp": SECONDS + 60,
    "jti": "0123456789abcdef0123",
    "sts": "active",
    "fva": [3, -1],
    "v": 2,
}


def seal(signed: str, *, by: str = "RS256", key: Any = None) -> str:
    """Append the signature to header and payload."""
    signature = SIGNERS[by].sign(signed.encode(), key or PRIVATE[by])
    return f"{signed}.{base64url_encode(signature).decode()}"


def sign(header: bytes, payload: bytes, *, by: str = "RS256", key: Any = None) -> str:
    return seal(f"{base64url_encode(header).decode()}.{base64url_encode(payload).decode()}", by=by, key=key)


def token(header: dict[str, Any] | None = None, *, by: str = "RS256", key: Any = None, **claims: Any) -> str:
    """Return a session token with changed members and claims; ``...`` leaves one out."""
    members = {"alg": by, "typ": "JWT", "cat": "cl_B7d4PD111AAA", "kid": by, **(header or {})}
    parts = ({name: value for name, value in part.items() if value is not ...} for part in (members, CLAIMS | claims))
    return sign(*(json.dumps(part).encode() for part in parts), by=by, key=key)


def verify(text: Any, *, at: datetime = NOW, **options: Any) -> SessionClaims:
    return Verifier(**{"keys": KEYS, "issuer": ISSUER, **options}).verify(text, at=at)


@pytest.mark.parametrize("algorithm", OURS)
def test_a_session_token_is_accepted_with_each_algorithm(algorithm):
    assert verify(token(by=algorithm)).session_id == "sess_1"


@pytest.mark.parametrize("algorithm", OURS)
@pytest.mark.parametrize("kid", ["another", ...])
def test_a_pem_key_is_used_for_every_kid(algorithm, kid):
    keys = KeySet.from_pem(pem(algorithm).decode(), algorithm=algorithm)
    assert verify(token({"kid": kid}, by=algorithm), keys=keys).user_id == "user_1"


def test_the_claims_have_python_types():
    found = verify(token(act={"sub": "user_2"}, azp="https://app.example.com", role="admin"))
    assert found == SessionClaims(
        user_id="user_1",
        session_id="sess_1",
        token_id=CLAIMS["jti"],
        issuer=ISSUER,
        issued_at=NOW,
        not_before=NOW - timedelta(seconds=10),
        expires_at=NOW + timedelta(seconds=60),
        status="active",
        impersonator={"sub": "user_2"},
        authorized_party="https://app.example.com",
        first_factor_age=timedelta(minutes=3),
        second_factor_age=None,
        claims=CLAIMS | {"act": {"sub": "user_2"}, "azp": "https://app.example.com", "role": "admin"},
        key_id="RS256",
    )


def test_version_1_has_no_version_and_no_status():
    found = verify(token(v=..., sts=..., fva=...))
    assert (found.status, found.impersonator, found.authorized_party, found.first_factor_age) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "iss", "sub", "sid", "jti", "sts"])
def test_no_required_claim_may_be_missing(name):
    with pytest.raises(MissingClaim, match=f"^missing_claim: {name}$"):
        verify(token(**{name: ...}))


NO_TIMES = [True, 1.5, float(SECONDS), str(SECONDS), None, [], {}, -1, AFTER_9999, 10**30, 1e300]
NO_TEXTS = ["", None, 1, True, ["x"], {}]
BAD = {
    **dict.fromkeys(["exp", "nbf", "iat"], NO_TIMES),
    **dict.fromkeys(["iss", "sub", "sid", "jti", "azp"], NO_TEXTS),
    "aud": [None, 1, {}, [1], [None], ["x", 1]],
    "act": [None, "user_2", [], 1],
    "fva": [None, 1, [], [1], [1, 2, 3], [1, "2"], [True, 1], [1.0, 2], [-2, 1], [AFTER_9999, 1]],
    "v": [None, "2", 2.0, 1, 3, True, [2]],
    "sts": [*NO_TEXTS, "Active", "ended", "active "],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in BAD for value in BAD[name]])
def test_no_claim_may_have_another_type_or_range(name, value):
    with pytest.raises(BadClaim, match=f"^bad_claim: {name}$"):
        verify(token(**{name: value}))


def test_a_status_without_a_version_is_refused():
    with pytest.raises(BadClaim):
        verify(token(v=...))


@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", ISSUER[:-1], ISSUER + ".evil.example", ISSUER.upper(), "http" + ISSUER[5:]]
)
def test_the_issuer_must_match_exactly(issuer):
    with pytest.raises(WrongIssuer):
        verify(token(iss=issuer))


APP, ADMIN = "https://app.example.com", "https://admin.example.com"


@pytest.mark.parametrize(
    ("parties", "azp", "is_accepted"),
    [
        ((), ..., True),
        ((), APP, True),
        ((APP,), APP, True),
        ([ADMIN, APP], APP, True),
        ((APP,), ..., False),
        ((APP,), ADMIN, False),
        ((APP,), APP + "/", False),
        ((APP,), APP.upper(), False),
        ((APP,), "app", False),
        ((APP,), "null", False),
    ],
)
def test_a_token_of_an_unlisted_origin_is_rejected(parties, azp, is_accepted):
    assert (refusal(token(azp=azp), authorized_parties=parties) is WrongParty) is not is_accepted


@pytest.mark.parametrize(
    ("audience", "aud", "is_accepted"),
    [
        (None, ..., True),
        (None, "api", False),
        (None, ["api"], False),
        (None, [], False),
        ("api", "api", True),
        ("api", ["other", "api"], True),
        ("api", ..., False),
        ("api", [], False),
        ("api", "API", False),
        ("api", "apis", False),
        ("api", ["other"], False),
    ],
)
def test_a_token_with_another_audience_is_rejected(audience, aud, is_accepted):
    assert (refusal(token(aud=aud), audience=audience) is WrongAudience) is not is_accepted


def refusal(text: str, **options: Any) -> type[TokenRejected] | None:
    try:
        verify(text, **options)
    except TokenRejected as reason:
        return type(reason)
    return None


@pytest.mark.parametrize("skew", [0, 5, 300])
@pytest.mark.parametrize(
    ("claim", "offset", "expected"),
    [
        ("exp", lambda skew: -skew - 1, Expired),
        ("exp", lambda skew: -skew, Expired),
        ("exp", lambda skew: -skew + 1, None),
        ("nbf", lambda skew: skew, None),
        ("nbf", lambda skew: skew + 1, NotYetValid),
        ("iat", lambda skew: skew, None),
        ("iat", lambda skew: skew + 1, NotYetValid),
    ],
)
def test_the_clocks_may_differ_by_at_most_the_skew(skew, claim, offset, expected):
    text = token(**{claim: SECONDS + offset(skew)})
    assert refusal(text, skew=timedelta(seconds=skew)) is expected


def test_the_clock_of_the_machine_counts_if_no_time_is_given():
    now = int(timezone.now().timestamp())
    verifier = Verifier(keys=KEYS, issuer=ISSUER)
    assert verifier.verify(token(iat=now, nbf=now, exp=now + 60)).expires_at > timezone.now()
    with pytest.raises(Expired):
        verifier.verify(token(exp=now - 60))


def test_a_pending_session_is_accepted_only_on_request():
    with pytest.raises(PendingSession):
        verify(token(sts="pending"))
    assert verify(token(sts="pending"), accept_pending=True).status == "pending"


@pytest.mark.parametrize(
    "options",
    [
        {"skew": timedelta(seconds=301)},
        {"skew": timedelta(seconds=-1)},
        {"skew": 5},
        {"issuer": ""},
        {"issuer": None},
        {"issuer": f"{ISSUER}/"},
        {"authorized_parties": APP},
        {"authorized_parties": None},
        {"authorized_parties": [""]},
        {"authorized_parties": [None]},
        {"authorized_parties": ["app.example.com"]},
        {"authorized_parties": ["https://app.example.com/"]},
        {"authorized_parties": ["https://App.example.com"]},
        {"authorized_parties": ["https://app.example.com", "https://app.example.com/path"]},
        {"audience": ""},
        {"audience": []},
        {"audience": ["me"]},
        {"accept_pending": "no"},
        {"keys": JWKS},
        {"keys": None},
    ],
)
def test_a_verifier_with_invalid_options_is_refused(options):
    with pytest.raises(ValueError):
        Verifier(**{"keys": KEYS, "issuer": ISSUER, **options})


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        verify(token(), at=NOW.replace(tzinfo=None))


@fuzz
@given(name=st.sampled_from([*CLAIMS, "aud", "azp", "act", "x"]), value=values)
def test_any_value_of_a_claim_is_accepted_or_rejected(name, value):
    refusal(token(**{name: value}))


ALONE = """
import sys
import user_sessions.verify
strangers = ("django", "rest_framework", "sessions_core", "client_sessions", "sessions_project")
print([name for name in sys.modules if name.split(".")[0] in strangers or
       name.startswith("user_sessions.") and not name.startswith("user_sessions.verify")])
"""


def test_neither_django_nor_the_rest_of_the_project_is_imported():
    done = subprocess.run([sys.executable, "-W", "error", "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_reason_is_documented_with_its_docstring():
    documented = dict(table(PAGE, "Reasons"))
    assert documented == {reason.code: getdoc(reason) for reason in TokenRejected.__subclasses__()}


@pytest.mark.django_db(transaction=True)
def test_the_pages_python_works_with_a_token_of_gatepass(live_server, api_key, u1):
    workspace = Workspace.objects.get()
    id = UserSession.objects.start(workspace, u1, actor="test").pk
    session = UserSession.objects.for_minting(at=timezone.now()).get(pk=id)
    text = session_token(session, at=timezone.now())
    names = {"URL": live_server.url, "API_KEY": api_key, "ISSUER": address_of(workspace), "TOKEN": text}
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), names)
    assert names["claims"].session_id == session.pk
