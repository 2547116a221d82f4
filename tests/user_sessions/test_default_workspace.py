"""The workspace of a project that names none: it makes itself, with its keys, and publishes them at every host."""

from functools import partial

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

from sessions_core.models import Workspace
from sessions_core.models.policies import with_policies
from tests.callers import Caller
from tests.policies import create_workspace, set_user_session_policy
from user_sessions.keys.key_sets import document_at, verifier_of
from user_sessions.models import SigningKey, UserSession
from user_sessions.tokens.session_tokens import session_token

pytestmark = pytest.mark.django_db

PUBLISHED = ".well-known/jwks.json"


@pytest.fixture(autouse=True)
def anywhere(settings, monkeypatch):
    settings.ALLOWED_HOSTS = ["*"]
    monkeypatch.setattr("user_sessions.keys.key_sets._documents", {})  # the workspace has the same id in every test


@pytest.fixture
def ann() -> User:
    return get_user_model().objects.create_user("ann")


def first_token(user: User) -> str:
    return session_token(UserSession.objects.start(Workspace.objects.default(), user, actor="test"))


def test_the_first_token_of_a_project_verifies_with_the_published_keys(ann):
    token = first_token(ann)
    published = jwt.PyJWKSet.from_dict(Caller(host="any.example.com").get(PUBLISHED).json())
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, published[kid], ["RS256"], issuer=Workspace.objects.get().pk.urn)
    assert claims["sub"] == f"user_{ann.pk}"


def test_an_existing_key_costs_no_query(ann, django_assert_num_queries):
    first_token(ann)
    now, row = timezone.now(), UserSession.objects.get()
    workspace = Workspace.objects.find_default(*with_policies())
    session = workspace and UserSession.minting(workspace, row.pk, at=now)
    with django_assert_num_queries(0):
        assert session and session_token(session, at=now, is_use=False)


@pytest.mark.django_db(transaction=True)
def test_concurrent_first_sign_ins_make_one_workspace_with_one_key(at_once):
    users = [get_user_model().objects.create_user(f"u{number}") for number in range(4)]
    tokens = at_once(*(partial(first_token, user) for user in users))
    workspace = Workspace.objects.get()
    for token in tokens:
        assert verifier_of(workspace, at=timezone.now()).verify(token)
    assert SigningKey.objects.count() == 1


def test_reading_the_key_set_makes_neither_a_workspace_nor_a_key():
    assert Caller(host="any.example.com").get(PUBLISHED).status_code == 404
    Workspace.objects.default()
    assert Caller(host="any.example.com").get(PUBLISHED).json() == {"keys": []}
    assert (Workspace.objects.count(), SigningKey.objects.count()) == (1, 0)


def test_the_key_set_of_any_host_costs_two_queries_and_then_one(ann, django_assert_num_queries):
    first_token(ann)
    now = timezone.now()
    with django_assert_num_queries(3):
        assert document_at("one.example.com", at=now)
    with django_assert_num_queries(2):
        assert document_at("another.example.com", at=now)


def test_a_default_workspace_with_an_address_publishes_its_keys_only_there(ann):
    first_token(ann)
    set_user_session_policy(Workspace.objects.get(), frontend_api="https://here.example.com")
    statuses = [Caller(host=host).get(PUBLISHED).status_code for host in ("here.example.com", "any.example.com")]
    assert statuses == [200, 404]


def test_with_several_workspaces_the_named_one_publishes_its_keys(ann, settings):
    workspace, other = create_workspace(name="One"), create_workspace(name="Other")
    for each in (workspace, other):
        SigningKey.objects.current(each, actor="test")
    assert Caller(host="any.example.com").get(PUBLISHED).status_code == 404
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "DEFAULT_WORKSPACE": workspace.pk}
    assert len(Caller(host="any.example.com").get(PUBLISHED).json()["keys"]) == 1
