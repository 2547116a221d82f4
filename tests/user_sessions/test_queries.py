"""Hot paths have a fixed number of queries, for any number of rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from sessions_core.models import Event, WebhookEndpoint, WebhookMessage
from tests.callers import bearer
from tests.statements import inserts
from tests.user_sessions.conftest import claims_of, listed, minted
from user_sessions.ids import new_id
from user_sessions.keys import key_pairs
from user_sessions.keys.key_sets import document_at, document_of
from user_sessions.models import Definition, Epoch, JwtTemplate, SigningKey, UserSession
from user_sessions.user_agents import device_of
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


@pytest.mark.parametrize("path", ["sessions/{0.pk}", "sessions?user_id=user_{0.user_id}", "jwks"])
def test_a_read_that_needs_only_the_id_of_the_workspace_joins_none(backend, crowd, path, django_assert_max_num_queries):
    with django_assert_max_num_queries(2) as captured:
        assert backend.get("v1/" + path.format(crowd[0])).status_code == 200
    assert not any('"sessions_core_workspace"' in query["sql"] for query in captured.captured_queries)


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


# The key; the UPDATE, and its event with the look for webhook endpoints.
CHANGES = {
    "revoke": (3, lambda backend, session: backend.request("POST", f"v1/sessions/{session.pk}/revoke")),
    "create": (2 + inserts(3), lambda backend, session: backend.post("v1/sessions", user_id=user_id(session.user_id))),
}


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Return a context manager that runs what follows the commit."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_has_a_fixed_number_of_statements(backend, crowd, change, statements, committed, compilations):
    number, call = CHANGES[change]
    for _ in range(2):  # a crowd of one is revoked a second time, which reads the session
        with committed():  # the first use of the key is recorded
            call(backend, crowd[0])
    compilations.clear()
    with statements() as made, committed():
        assert call(backend, crowd[-1]).status_code == 200
    assert len(made) == number, made
    assert not compilations


VERBS = {
    "end": (2, lambda session, at: session.end(actor="test")),
    "revoke": (2, lambda session, at: session.revoke(actor="test")),
    "remove": (2, lambda session, at: session.remove(actor="test")),
    "replace": (2, lambda session, at: session.replace(actor="test")),
    "touch": (1, lambda session, at: session.touch(at=at)),
    "start": (1 + inserts(3), lambda session, at: start(session)),
    "start with a device": (1 + inserts(4), lambda session, at: start(session, device=device_of("", "192.0.2.1"))),
}


def start(session: UserSession, **facts: Any) -> UserSession:
    return UserSession.objects.start(session.workspace, session.user, actor="test", **facts)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_a_fixed_number_of_statements_and_compiles_nothing_again(crowd, compilations, statements, verb):
    number, call = VERBS[verb]
    later = timezone.now() + timedelta(hours=1)
    call(start(crowd[0]), later)
    session = start(crowd[0])
    compilations.clear()
    with statements() as made:
        assert call(session, later)
    assert len(made) == number, made
    assert not compilations


def test_a_sign_in_of_a_second_user_on_a_client_has_a_fixed_number_of_statements(crowd, u2, compilations, statements):
    for session in (start(crowd[0]), start(crowd[0])):
        compilations.clear()
        with statements() as made:
            UserSession.objects.start(session.workspace, u2, actor="test", client=session.client)
        assert len(made) == 4 + inserts(2), made
    assert not compilations


def test_a_sign_out_of_django_is_two_statements(crowd, compilations, statements):
    UserSession.end_by_id("sess_unknown")
    compilations.clear()
    with statements() as made:
        assert UserSession.end_by_id(crowd[0].pk)
    assert len(made) == 2 and not compilations


@pytest.mark.parametrize("number", [1, 700])
def test_revoking_all_sessions_of_a_user_has_a_fixed_number_of_statements(workspace, u1, many, number, statements):
    many(number)
    with statements() as made:
        assert len(UserSession.objects.in_workspace(workspace).of_user(u1).revoke(actor="test")) == number
    assert [sql.split()[0] for sql in made] == ["UPDATE", "INSERT", "SELECT"]  # the last one looks for endpoints
    assert Event.objects.filter(type="user_session.revoked").count() == number


@pytest.mark.parametrize("number", [2, 700])
def test_webhooks_about_many_sessions_have_a_fixed_number_of_statements(workspace, u1, many, number, statements):
    many(number)
    for name in ("one", "two"):
        WebhookEndpoint.objects.add(workspace, f"https://example.com/{name}", actor="test")
    with statements() as made:
        UserSession.objects.in_workspace(workspace).of_user(u1).revoke(actor="test")
    assert len(made) == 6, made  # beside those above the endpoints, the sessions with their users, and the messages
    assert WebhookMessage.objects.filter(type="session.revoked").count() == 2 * number


@pytest.fixture
def many(workspace, u1):
    """Return a function that starts this many sessions of ``u1``, quickly."""

    def many(number: int) -> None:
        first = UserSession.objects.start(workspace, u1, actor="test")
        columns = {field.attname: getattr(first, field.attname) for field in UserSession._meta.concrete_fields}
        UserSession.objects.bulk_create(
            UserSession(**columns | {"id": new_id("sess", at=first.created_at)}) for _ in range(number - 1)
        )

    return many


def test_an_unknown_key_costs_one_indexed_query(workspace, api_key, django_assert_num_queries):
    wrong = api_key[:-1] + ("x" if api_key[-1] != "x" else "y")
    with django_assert_num_queries(1):
        assert bearer(wrong).get("v1/jwks").status_code == 401
    with django_assert_num_queries(0):
        assert bearer("sk_test_x").get("v1/jwks").status_code == 401


READS = [
    "sessions/{session}",
    "sessions?user_id={user}",
    "sessions?user_id={user}&limit=100&status=active&paginated=true",
    "sessions?client_id={client}&offset=1",
    "clients",
    "clients/{client}",
    "jwt_templates",
    "jwt_templates/{template}",
]


@pytest.mark.parametrize("path", READS)
def test_a_read_compiles_nothing_after_the_first_request(backend, workspace, crowd, u1, compilations, path):
    template = JwtTemplate.objects.define(workspace, Definition(name="t1", claims={}), actor="test")
    names = {"session": crowd[0].pk, "client": crowd[0].client_id, "user": user_id(u1.pk), "template": template.pk}
    path = "v1/" + path.format(**names)
    backend.get(path)
    compilations.clear()
    assert backend.get(path).status_code == 200 and not compilations


def test_other_limits_compile_nothing(backend, crowd, u1, compilations):
    query = f"?user_id={user_id(u1.pk)}"
    listed(backend, f"{query}&limit=1&offset=1")
    listed(backend, f"{query}&limit=1")
    compilations.clear()
    assert len(listed(backend, f"{query}&limit=30")) == min(len(crowd), 30)
    assert len(listed(backend, f"{query}&limit=30&offset=15")) == max(len(crowd) - 15, 0)
    assert not compilations


def test_a_template_is_read_and_listed_in_two_queries(backend, workspace, django_assert_num_queries):
    for name in ("t1", "t2"):
        template = JwtTemplate.objects.define(workspace, Definition(name=name, claims={}), actor="test")
    for path in (f"v1/jwt_templates/{template.pk}", "v1/jwt_templates"):
        with django_assert_num_queries(2):
            assert backend.get(path).status_code == 200


def test_many_clients_are_listed_in_three_queries(backend, workspace, u2, django_assert_num_queries):
    for _ in range(13):
        UserSession.objects.start(workspace, u2, actor="test")
    for limit in (1, 10, 11, 13):
        with django_assert_num_queries(3):
            clients = backend.get(f"v1/clients?limit={limit}").json()
        assert [len(client["session_ids"]) for client in clients] == [1] * limit
