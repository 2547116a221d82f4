"""Concurrent changes of keys and templates: real threads, each with its own connection."""

import json
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib.auth import get_user_model
from django.utils import timezone

from sessions_core.models import Event, Workspace
from tests.callers import Caller
from tests.policies import set_user_session_policy
from tests.user_sessions.test_races import ROUNDS, tally
from user_sessions.keys.key_sets import verifier_of
from user_sessions.models import Definition, JwtTemplate, SigningKey, TemplateGone, UserSession
from user_sessions.tokens.session_tokens import session_token

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "a secret of thirty-two bytes, or so"
PRIVATE = generate_private_key(SECP256R1())
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
KEYS: dict[str, Any] = {"HS256": SECRET, "ES256": PRIVATE.public_key()}
SIGNED_BY = {"HS256": SECRET, "ES256": PEM}


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """Return a workspace with ES256 keys, which are generated quickly."""
    set_user_session_policy(workspace, signing_algorithm="EdDSA")
    workspace.save()
    return workspace


@pytest.fixture
def session(workspace: Workspace) -> UserSession:
    return UserSession.objects.start(workspace, get_user_model().objects.create_user("u1"), actor="test")


def current_stages(workspace: Workspace) -> list[str]:
    """Return the stages of the keys that sign now or later."""
    now = timezone.now()
    keys = SigningKey.objects.filter(workspace=workspace)
    return sorted(stage for key in keys if (stage := str(key.stage_at(now))) in ("active", "next"))


def forget_keys(workspace: Workspace) -> None:
    SigningKey.objects.filter(workspace=workspace).delete()


def minted(session: UserSession) -> str:
    now = timezone.now()
    row = UserSession.objects.for_minting(at=now).select_related("workspace").get(pk=session.pk)
    token = session_token(row, at=now)
    verifier_of(row.workspace, at=now).verify(token, at=now)
    return token


def test_the_first_tokens_of_a_workspace_are_all_of_one_key(workspace, session, at_once):
    for _ in range(ROUNDS):
        forget_keys(workspace)
        tokens = at_once(*[partial(minted, session)] * 6)
        assert {jwt.get_unverified_header(token)["kid"] for token in tokens} == {SigningKey.objects.get().kid}


def test_concurrent_rotations_give_one_pending_key(workspace, at_once):
    for _ in range(ROUNDS):
        forget_keys(workspace)
        SigningKey.objects.current(workspace)
        rotated = at_once(*[partial(SigningKey.objects.rotate, workspace, actor="test")] * 4)
        assert len({key.kid for key in rotated}) == 1
        assert current_stages(workspace) == ["active", "next"]


def test_concurrent_rotations_without_keys_give_one_active_and_one_pending_key(workspace, at_once):
    for _ in range(ROUNDS):
        forget_keys(workspace)
        rotated = at_once(*[partial(SigningKey.objects.rotate, workspace, actor="test")] * 4)
        assert set(tally(rotated)) == {"SigningKey"}
        assert current_stages(workspace) == ["active", "next"]


@pytest.mark.parametrize("has_next", [False, True])
def test_concurrent_changes_of_a_key_leave_one_active_key(workspace, session, at_once, has_next):
    for _ in range(ROUNDS):
        forget_keys(workspace)
        key = SigningKey.objects.current(workspace)
        if has_next:
            SigningKey.objects.rotate(workspace, actor="test")
        copies = [SigningKey.objects.get(pk=key.pk) for _ in range(3)]
        retired, revoked, again, rotated = at_once(
            partial(copies[0].retire, actor="test"),
            partial(copies[1].revoke, actor="test"),
            partial(copies[2].revoke, actor="test"),
            partial(SigningKey.objects.rotate, workspace, actor="test"),
        )
        assert retired in (True, False) and sorted([revoked, again]) == [False, True]
        assert isinstance(rotated, SigningKey)
        assert current_stages(workspace) in (["active"], ["active", "next"])
        assert SigningKey.objects.get(pk=key.pk).revoked_at is not None
        assert jwt.get_unverified_header(minted(session))["kid"] != key.kid


def test_a_revoked_key_signs_no_later_token(workspace, session, at_once):
    for _ in range(ROUNDS):
        key = SigningKey.objects.current(workspace)

        def revoke_and_mint(key: SigningKey = key) -> str:
            SigningKey.objects.get(pk=key.pk).revoke(actor="test")
            return jwt.get_unverified_header(minted(session))["kid"]

        kids = at_once(*[revoke_and_mint] * 4)
        assert set(kids) == {SigningKey.objects.current(workspace).kid} != {key.kid}


def body(algorithm: str) -> dict[str, Any]:
    return {
        "name": "supabase",
        "claims": {"signed_by": algorithm},
        "custom_signing_key": True,
        "signing_algorithm": algorithm,
        "signing_key": SIGNED_BY[algorithm],
    }


def test_the_key_and_the_algorithm_of_a_template_never_mix(workspace, session, backend, at_once):
    template = backend.post("v1/jwt_templates", **body("HS256")).json()["id"]
    left = [2]

    def redefine(algorithm: str) -> set[int]:
        try:
            return {
                backend.request("PATCH", f"v1/jwt_templates/{template}", body(algorithm)).status_code for _ in range(25)
            }
        finally:
            left.append(left.pop() - 1)

    def mint() -> list[str]:
        tokens = []
        while left[0] > 0:
            tokens.append(backend.post(f"v1/sessions/{session.pk}/tokens/supabase").json()["jwt"])
        return tokens

    *redefined, first, second = at_once(partial(redefine, "HS256"), partial(redefine, "ES256"), mint, mint)
    assert redefined == [{200}, {200}]
    assert first and second
    for token in first + second:
        algorithm = jwt.get_unverified_header(token)["alg"]
        assert jwt.decode(token, KEYS[algorithm], [algorithm])["signed_by"] == algorithm


def test_concurrent_creates_take_a_template_name_once(workspace, at_once):
    for number in range(ROUNDS):
        define = partial(JwtTemplate.objects.define, workspace, Definition(name=f"t{number}", claims={}), actor="test")
        assert tally(at_once(*[define] * 8)) == {"JwtTemplate": 1, "NameTaken": 7}
        assert Event.objects.filter(type="jwt_template.created", data__name=f"t{number}").count() == 1


def test_concurrent_customisations_leave_one_template(workspace, session, at_once):
    for _ in range(ROUNDS):
        customise = partial(JwtTemplate.objects.customise_session_tokens, workspace, actor="test")
        outcomes = tally(at_once(*(partial(customise, {"number": number}) for number in range(4))))
        assert outcomes == {"JwtTemplate": 4}
        assert JwtTemplate.objects.for_session_tokens().count() == 1
        JwtTemplate.objects.all().delete()


def test_a_template_that_is_deleted_is_not_brought_back_by_an_update(workspace, at_once):
    for _ in range(ROUNDS):
        template = JwtTemplate.objects.define(workspace, Definition(name="one", claims={}), actor="test")
        copies = [JwtTemplate.objects.get(pk=template.pk) for _ in range(2)]
        forgotten, updated = at_once(
            partial(copies[0].forget, actor="test"),
            partial(copies[1].redefine, Definition(name="one", claims={"new": True}), actor="test"),
        )
        assert forgotten is True
        assert updated is None or isinstance(updated, TemplateGone)
        assert not JwtTemplate.objects.exists()


def statuses(backend: Caller, method: str, path: str, content: Any) -> tuple[int, str]:
    response = backend.request(method, path, content)
    return response.status_code, response.error


def test_over_http_a_template_that_is_deleted_meanwhile_is_not_found(workspace, backend, at_once):
    for _ in range(ROUNDS):
        id = backend.post("v1/jwt_templates", **body("HS256")).json()["id"]
        path = f"v1/jwt_templates/{id}"
        deleted, updated = at_once(
            partial(statuses, backend, "DELETE", path, None), partial(statuses, backend, "PATCH", path, body("ES256"))
        )
        assert deleted == (200, "")
        assert updated in [(200, ""), (404, "resource_not_found")]
        assert json.loads(backend.get("v1/jwt_templates").content) == []
