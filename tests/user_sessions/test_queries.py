"""Hot paths have a fixed number of queries, for any number of rows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.callers import bearer
from tests.user_sessions.conftest import claims_of, listed, minted
from user_sessions.keys import key_pairs
from user_sessions.keys.key_sets import document_at, document_of
from user_sessions.models import Epoch, JwtTemplate, SigningKey, UserSession
from user_sessions.users import user_id


@pytest.fixture(params=[1, 40])
def crowd(request, workspace, backend, u1) -> list[UserSession]:
    """Start this many sessions of one user and mint one token."""
    sessions = [UserSession.objects.start(workspace, u1, actor="test") for _ in range(request.param)]
    assert backend.request("POST", f"v1/sessions/{sessions[0].pk}/tokens").status_code == 200
    return sessions


def test_minting_is_two_queries(backend, crowd, django_assert_num_queries):
    with django_assert_num_queries(2) as captured:
        assert backend.request("POST", f"v1/sessions/{crowd[0].pk}/tokens").status_code == 200
    assert all(query["sql"].startswith("SELECT") for query in captured.captured_queries)


@pytest.mark.parametrize("path", ["tokens", "tokens/t1"])
def test_minting_compiles_nothing_after_the_first_request(backend, crowd, compilations, path):
    backend.post("v1/jwt_templates", name="t1", claims={"x": "{{user.first_name}}"})
    backend.request("POST", f"v1/sessions/{crowd[0].pk}/{path}")
    compilations.clear()
    assert backend.request("POST", f"v1/sessions/{crowd[0].pk}/{path}").status_code == 200
    assert not compilations


def test_a_private_key_is_parsed_once(backend, crowd, monkeypatch):
    def parse_again(private: bytes) -> None:
        raise AssertionError("the key was parsed again")

    monkeypatch.setattr("user_sessions.models.signing_keys.parse", parse_again)
    assert key_pairs.parse is not parse_again
    assert backend.request("POST", f"v1/sessions/{crowd[-1].pk}/tokens").status_code == 200


def test_reading_a_session_is_two_queries(backend, crowd, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert backend.get(f"v1/sessions/{crowd[0].pk}").status_code == 200


def test_listing_is_two_queries_and_three_with_a_total(backend, crowd, u1, django_assert_num_queries):
    query = f"?user_id={user_id(u1.pk)}&limit=100"
    with django_assert_num_queries(2):
        assert len(listed(backend, query)) == len(crowd)
    with django_assert_num_queries(3):
        assert len(listed(backend, f"{query}&paginated=true")) == len(crowd)


def test_listing_a_later_page_is_as_many_queries(backend, crowd, u1, django_assert_num_queries):
    with django_assert_num_queries(3):
        listed(backend, f"?user_id={user_id(u1.pk)}&limit=100&offset=1&status=active&paginated=true")


def test_the_key_set_is_read_once_in_a_quarter_of_a_second(workspace, crowd, django_assert_num_queries):
    SigningKey.objects.current(workspace)
    now = timezone.now() + timedelta(days=len(crowd))  # another day for each crowd: the process keeps what it read
    for after, by_workspace, by_host in [(0, 1, 2), (249, 0, 0), (250, 1, 2)]:
        at = now + timedelta(milliseconds=after)
        with django_assert_num_queries(by_workspace):
            assert not document_of(workspace.pk, at=at).is_empty
        with django_assert_num_queries(by_host):
            assert document_at("here.example.com", at=at)


def test_minting_from_a_template_is_one_more_query(backend, crowd, settings, django_assert_num_queries):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.profile_of"}
    backend.post("v1/jwt_templates", name="t1", claims={"x": "{{user.public_metadata}}"})
    with django_assert_num_queries(3):
        minted(backend, crowd[0].pk, template="t1")


def test_minting_with_custom_claims_is_two_queries(backend, workspace, crowd, django_assert_num_queries):
    JwtTemplate.objects.customise_session_tokens(workspace, {"x": "{{user.first_name}}"}, actor="test")
    with django_assert_num_queries(2):
        assert claims_of(minted(backend, crowd[0].pk))["x"] == "Maria"


def test_a_plain_query_is_plain_and_the_status_of_its_row_one_more(workspace, u1, django_assert_num_queries):
    UserSession.objects.start(workspace, u1, actor="test")
    with django_assert_num_queries(1) as captured:
        session = UserSession.objects.get()
    assert captured.captured_queries[0]["sql"].count("SELECT") == 1
    with django_assert_num_queries(1):
        assert [session.status, session.status, session.is_live(timezone.now())] == ["active", "active", True]


def test_rows_with_status_facts_know_their_status(workspace, u1, django_assert_num_queries):
    for _ in range(3):
        UserSession.objects.start(workspace, u1, actor="test")
    with django_assert_num_queries(1):
        assert [session.status for session in UserSession.objects.with_status_facts()] == ["active"] * 3


def test_what_pending_and_active_share_is_stated_once():
    assert str(UserSession.objects.live().query).count("EXISTS") == 2  # an epoch, and the user's own row


@pytest.mark.parametrize("end", ["an epoch", "a deactivation"])
def test_a_row_read_again_has_its_status_of_now(workspace, u1, end):
    UserSession.objects.start(workspace, u1, actor="test")
    session = UserSession.objects.get()
    assert session.status == "active"
    if end == "an epoch":
        Epoch.objects.begin(workspace, actor="test")
    else:
        type(u1).objects.update(is_active=False)
    session.refresh_from_db()
    assert session.status == "revoked"


def test_clients_are_listed_in_three_queries(backend, crowd, django_assert_num_queries):
    with django_assert_num_queries(3):
        assert backend.get("v1/clients?limit=100").status_code == 200


def test_a_revoke_reads_once_and_writes_once(backend, crowd, django_assert_max_num_queries):
    # Authentication, the session, BEGIN and COMMIT as savepoints, the UPDATE, its event, the webhook endpoints, and a
    # read of the outcome.
    with django_assert_max_num_queries(8):
        assert backend.request("POST", f"v1/sessions/{crowd[0].pk}/revoke").status_code == 200


def test_an_unknown_key_costs_one_indexed_query(workspace, api_key, django_assert_num_queries):
    wrong = api_key[:-1] + ("x" if api_key[-1] != "x" else "y")
    with django_assert_num_queries(1):
        assert bearer(wrong).get("v1/jwks").status_code == 401
    with django_assert_num_queries(0):
        assert bearer("sk_test_x").get("v1/jwks").status_code == 401
