"""Rotation of signing keys, with a verifier that caches the key set."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count, takewhile
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import IntegrityError, transaction

from sessions_core.models import Event, Workspace
from sessions_core.models.policies import with_policies
from tests.policies import address_of, set_user_session_policy
from user_sessions.keys.custom_keys import validate_key
from user_sessions.keys.key_sets import document_of, verifier_of
from user_sessions.models import Definition, JwtTemplate, SigningKey, UserSession, UserSessionPolicy
from user_sessions.tokens.session_tokens import session_token, template_token
from user_sessions.verify import KeySet, TokenRejected, UnknownKey, Verifier
from user_sessions.verify.form import parse

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
MAX_AGE = 5 * MINUTE
# Twice the cache time of verifiers, and the cache time of server processes.
PUBLICATION = 2 * MAX_AGE + SECOND / 4


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """Return a workspace with ES256 keys, which are generated quickly."""
    set_user_session_policy(workspace, signing_algorithm="EdDSA")
    workspace.save()
    return workspace


@pytest.fixture
def session(workspace: Workspace, u1: Any) -> UserSession:
    return UserSession.objects.start(workspace, u1, actor="test", at=NOW)


class CachingVerifier:
    """A service that fetches the key set once in MAX_AGE and never for an unknown key."""

    def __init__(self, workspace: Workspace, *, at: datetime) -> None:
        self.workspace = workspace
        self.fetch(at)

    def fetch(self, at: datetime) -> None:
        self.fetched_at = at
        keys = KeySet.from_jwks(json.loads(document_of(self.workspace.pk, at=at).body))
        self.verifier = Verifier(keys=keys, issuer=UserSessionPolicy.of(self.workspace).issuer, skew=timedelta(0))

    def accepts(self, token: str, *, at: datetime) -> bool:
        if at - self.fetched_at >= MAX_AGE:
            self.fetch(at)
        try:
            self.verifier.verify(token, at=at)
        except TokenRejected:
            return False
        return True


def minted(session: UserSession, *, at: datetime, lifetime: timedelta | None = None) -> str:
    row = UserSession.objects.for_minting(at=at).select_related("workspace").get(pk=session.pk)
    return session_token(row, at=at, lifetime=lifetime)


def stages(*keys: SigningKey, at: datetime) -> list[str]:
    for key in keys:
        key.refresh_from_db()
    return [str(key.stage_at(at)) for key in keys]


def kids(workspace: Workspace, *, at: datetime) -> set[str]:
    return {key["kid"] for key in json.loads(document_of(workspace.pk, at=at).body)["keys"]}


def header(token: str) -> dict[str, Any]:
    return dict(parse(token).header)


@pytest.mark.promise("P18")
@pytest.mark.parametrize("verifier_starts", [NOW + SECOND, NOW + 7 * MINUTE])
def test_a_caching_verifier_rejects_no_token_while_keys_rotate(workspace, session, verifier_starts):
    minted(session, at=NOW)
    caching = CachingVerifier(workspace, at=verifier_starts)
    rotations = [NOW + 10 * MINUTE, NOW + 25 * MINUTE, NOW + 40 * MINUTE]
    used = set()
    for at in takewhile(lambda at: at < NOW + 60 * MINUTE, (verifier_starts + 20 * n * SECOND for n in count())):
        while rotations and rotations[0] <= at:
            SigningKey.objects.rotate(workspace, actor="operator", at=rotations.pop(0))
        token = minted(session, at=at)
        used.add(header(token)["kid"])
        assert caching.accepts(token, at=at)
        assert caching.accepts(token, at=at + 59 * SECOND)
    assert len(used) == 4


def test_a_key_is_next_then_active_then_retiring_then_gone(workspace, session):
    first = SigningKey.objects.current(workspace, at=NOW)
    second = SigningKey.objects.rotate(workspace, actor="operator", at=NOW + DAY)
    change = NOW + DAY + PUBLICATION
    assert second.active_from == change
    assert stages(first, second, at=NOW + DAY) == ["active", "next"]
    assert stages(first, second, at=change - SECOND) == ["active", "next"]
    assert stages(first, second, at=change) == ["retiring", "active"]
    assert kids(workspace, at=NOW + DAY) == {first.kid, second.kid}
    end = first.published_until
    assert end >= change + UserSessionPolicy.of(workspace).lifetime + 5 * MINUTE
    assert stages(first, second, at=end - SECOND) == ["retiring", "active"]
    assert stages(first, second, at=end) == ["gone", "active"]
    assert kids(workspace, at=end) == {second.kid}


@pytest.mark.promise("P18")
def test_the_next_key_signs_nothing_before_its_time(workspace, session):
    first = SigningKey.objects.current(workspace, at=NOW)
    second = SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    signers = [header(minted(session, at=NOW + after))["kid"] for after in (SECOND, PUBLICATION - SECOND, PUBLICATION)]
    assert signers == [first.kid, first.kid, second.kid]


def test_rotating_while_a_key_is_pending_returns_it(workspace):
    SigningKey.objects.current(workspace, at=NOW)
    second = SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    assert SigningKey.objects.rotate(workspace, actor="operator", at=NOW + MINUTE) == second
    third = SigningKey.objects.rotate(workspace, actor="operator", at=NOW + PUBLICATION)
    assert third != second and third.active_from == NOW + 2 * PUBLICATION


def test_a_key_is_retired_without_a_gap(workspace, session):
    first = SigningKey.objects.current(workspace, at=NOW)
    longest = minted(session, at=NOW + MINUTE, lifetime=7 * DAY)
    assert first.retire(actor="operator", at=NOW + MINUTE) is True
    assert first.retire(actor="operator", at=NOW + MINUTE) is False
    change = NOW + MINUTE + PUBLICATION
    assert stages(first, at=change - SECOND) == ["active"]
    assert stages(first, at=change) == ["retiring"]
    assert header(minted(session, at=change))["kid"] != first.kid
    last_moment = session.expire_at - SECOND
    assert verifier_of(workspace, at=last_moment).verify(longest, at=last_moment)
    assert CachingVerifier(workspace, at=last_moment).accepts(longest, at=last_moment)


def test_a_pending_key_can_be_withdrawn_before_it_signs(workspace, session):
    first = SigningKey.objects.current(workspace, at=NOW)
    second = SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    assert second.retire(actor="operator", at=NOW + MINUTE) is True
    later = NOW + 30 * DAY
    assert stages(first, second, at=later) == ["active", "gone"]
    assert SigningKey.objects.rotate(workspace, actor="operator", at=later) not in (first, second)


def test_a_longer_session_keeps_its_key_published(workspace, session):
    UserSession.objects.filter(pk=session.pk).update(expire_at=NOW + 40 * DAY, abandon_at=NOW + 40 * DAY)
    first = SigningKey.objects.current(workspace, at=NOW)
    longest = minted(session, at=NOW, lifetime=400 * DAY)
    SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    last_moment = NOW + 40 * DAY - SECOND
    assert stages(first, at=last_moment) == ["retiring"]
    assert verifier_of(workspace, at=last_moment).verify(longest, at=last_moment)


@pytest.mark.promise("P19")
@pytest.mark.parametrize("has_next", [False, True])
def test_no_verifier_accepts_a_revoked_key_after_its_cache_expires(workspace, session, has_next):
    first = SigningKey.objects.current(workspace, at=NOW)
    following = SigningKey.objects.rotate(workspace, actor="operator", at=NOW) if has_next else None
    token, at = minted(session, at=NOW, lifetime=DAY), NOW + MINUTE
    caching = CachingVerifier(workspace, at=at)
    assert first.revoke(actor="operator", at=at) is True
    assert first.revoke(actor="operator", at=at) is False
    assert stages(first, at=at) == ["gone"]
    with pytest.raises(UnknownKey):
        verifier_of(workspace, at=at).verify(token, at=at)
    assert caching.accepts(token, at=at + MAX_AGE - SECOND)
    assert not caching.accepts(token, at=at + MAX_AGE)
    # The successor signs at once.
    signer = header(minted(session, at=at))["kid"]
    assert signer != first.kid and (following is None or signer == following.kid)
    assert verifier_of(workspace, at=at).verify(minted(session, at=at), at=at)


def test_revoking_the_pending_key_leaves_the_active_one(workspace, session):
    first = SigningKey.objects.current(workspace, at=NOW)
    second = SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    assert second.revoke(actor="operator", at=NOW + MINUTE) is True
    later = NOW + 30 * DAY
    assert stages(first, second, at=later) == ["active", "gone"]
    assert first.published_until is None
    third = SigningKey.objects.rotate(workspace, actor="operator", at=later)
    assert stages(first, third, at=later) == ["active", "next"]


def test_revoking_a_retiring_key_changes_nothing_else(workspace, session):
    first = SigningKey.objects.current(workspace, at=NOW)
    second = SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    at = NOW + PUBLICATION
    assert first.revoke(actor="operator", at=at) is True
    assert stages(first, second, at=at) == ["gone", "active"]
    assert kids(workspace, at=at + MINUTE) == {second.kid}
    assert SigningKey.objects.count() == 2


@pytest.mark.parametrize(
    ("verb", "which", "news"),
    [
        ("retire", "active", False),
        ("retire", "next", True),
        ("retire", "retiring", False),
        ("retire", "gone", False),
        ("revoke", "active", True),
        ("revoke", "next", True),
        ("revoke", "retiring", True),
        ("revoke", "gone", False),
    ],
)
def test_retiring_or_revoking_a_key_records_one_event(workspace, session, which, verb, news):
    key = SigningKey.objects.current(workspace, at=NOW)
    other = SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    moment = {"active": MINUTE, "next": MINUTE, "retiring": PUBLICATION, "gone": 90 * DAY}[which]
    subject = other if which == "next" else key
    assert stages(subject, at=NOW + moment) == [which]
    assert getattr(subject, verb)(actor="operator", at=NOW + moment) is news
    events = (
        Event.objects.filter(subject=subject.kid).exclude(type="signing_key.created").values_list("type", flat=True)
    )
    assert list(events) == ([f"signing_key.{verb}d"] if news else [])
    assert SigningKey.objects.active(workspace, at=NOW + moment) is not None


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_the_key_set_verifies_tokens_of_each_algorithm(workspace, session, algorithm):
    set_user_session_policy(workspace, signing_algorithm=algorithm)
    workspace.save()
    token = minted(session, at=NOW)
    assert header(token)["alg"] == algorithm
    assert CachingVerifier(workspace, at=NOW).accepts(token, at=NOW)


def test_a_change_of_algorithm_is_a_rotation(workspace, session):
    caching_from = minted(session, at=NOW)
    caching = CachingVerifier(workspace, at=NOW)
    set_user_session_policy(workspace, signing_algorithm="ES256")
    workspace.save()
    assert header(minted(session, at=NOW))["alg"] == header(caching_from)["alg"] == "EdDSA"
    SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    token = minted(session, at=NOW + PUBLICATION)
    assert header(token)["alg"] == "ES256" and caching.accepts(token, at=NOW + PUBLICATION)


def test_the_database_keeps_one_key_without_a_successor(workspace):
    SigningKey.objects.current(workspace, at=NOW)
    SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.filter(workspace=workspace).update(published_until=None)


def test_another_workspace_keeps_its_keys(workspace, elsewhere, session):
    set_user_session_policy(elsewhere, signing_algorithm="EdDSA")
    elsewhere.save()
    theirs = SigningKey.objects.current(elsewhere, at=NOW)
    first = SigningKey.objects.current(workspace, at=NOW)
    SigningKey.objects.rotate(workspace, actor="operator", at=NOW)
    first.revoke(actor="operator", at=NOW + MINUTE)
    assert stages(theirs, at=NOW + DAY) == ["active"] and theirs.published_until is None
    assert kids(elsewhere, at=NOW + DAY) == {theirs.kid}
    with pytest.raises(UnknownKey):
        verifier_of(elsewhere, at=NOW).verify(minted(session, at=NOW + MINUTE), at=NOW + MINUTE)


PUBLIC = {"RS256": {"n", "e"}, "ES256": {"crv", "x", "y"}, "EdDSA": {"crv", "x"}}


@pytest.mark.promise("P17")
@pytest.mark.parametrize("algorithm", PUBLIC)
def test_the_key_set_lists_public_members_under_their_thumbprint(workspace, session, algorithm):
    set_user_session_policy(workspace, signing_algorithm=algorithm)
    workspace.save()
    minted(session, at=NOW)
    (jwk,) = json.loads(document_of(workspace.pk, at=NOW).body)["keys"]
    assert jwk.keys() == {"kty", "kid", "use", "alg"} | PUBLIC[algorithm]
    assert (jwk["use"], jwk["alg"]) == ("sig", algorithm)
    required = {name: jwk[name] for name in sorted({"kty"} | PUBLIC[algorithm])}
    thumbprint = sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    assert jwk["kid"] == urlsafe_b64encode(thumbprint).rstrip(b"=").decode()


@pytest.mark.promise("P17")
def test_the_key_set_never_lists_a_key_of_a_template(workspace, session):
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for algorithm, key in (("HS256", "a secret of thirty-two bytes, or so"), ("ES256", pem)):
        definition = Definition(
            name=algorithm, claims={}, signing_algorithm=algorithm, signing_key=validate_key(key, algorithm)
        )
        template = JwtTemplate.objects.define(workspace, definition, actor="test", at=NOW)
        row = UserSession.objects.for_minting(at=NOW).select_related("workspace").get(pk=session.pk)
        assert header(template_token(row, template, at=NOW)).keys() == {"alg", "typ", "cat"}
    minted(session, at=NOW)
    (jwk,) = json.loads(document_of(workspace.pk, at=NOW).body)["keys"]
    assert jwk["kid"] == SigningKey.objects.get().kid


def test_a_server_with_a_slow_clock_signs_with_the_successor_of_a_revoked_key(workspace, u1):
    former = SigningKey.objects.current(workspace, at=NOW - 90 * DAY)
    leaked = SigningKey.objects.rotate(workspace, actor="operator", at=NOW - 89 * DAY)
    UserSession.objects.start(workspace, u1, actor="test", at=NOW)
    leaked.revoke(actor="operator", at=NOW + 2 * SECOND)
    token = session_token(UserSession.objects.for_minting(at=NOW).get(), at=NOW)
    verifier_of(workspace, at=NOW).verify(token, at=NOW)
    assert parse(token).kid not in (former.kid, leaked.kid)
    assert SigningKey.objects.rotate(workspace, actor="operator", at=NOW).kid not in (former.kid, leaked.kid)


def test_every_process_publishes_the_successor_of_a_revoked_key_within_a_quarter_of_a_second(workspace, session):
    """Another process revoked the key, so this one has the old key set in memory."""
    kid = header(minted(session, at=NOW))["kid"]
    assert kids(workspace, at=NOW) == {kid}
    SigningKey.objects.get(kid=kid).revoke(actor="operator", at=NOW)
    successor = header(minted(session, at=NOW + SECOND / 4))["kid"]
    assert successor != kid
    assert kids(workspace, at=NOW + SECOND / 4) == {successor}


def test_a_rotation_of_the_algorithm_keeps_the_rest_of_the_policy(workspace):
    stale = Workspace.objects.select_related(*with_policies()).get(pk=workspace.pk)
    assert UserSessionPolicy.of(stale).limit is None
    set_user_session_policy(workspace, limit=3)
    SigningKey.objects.rotate(stale, actor="test", algorithm="ES256")
    policy = UserSessionPolicy.objects.get()
    assert (policy.limit, policy.signing_algorithm) == (3, "ES256")
    assert policy.frontend_api == address_of(workspace)
