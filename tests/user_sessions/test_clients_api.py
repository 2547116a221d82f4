"""Clients and users in the Backend API, and revoking all sessions of one."""

import jwt
import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_core.crypto.tokens import random_text
from sessions_core.models import Event
from tests.policies import set_user_session_policy
from user_sessions.deactivation import connect
from user_sessions.models import Client, UserSession
from user_sessions.tokens.client_tokens import client_token
from user_sessions.users import user_id


@pytest.fixture
def client_of_two(workspace, u1, u2):
    """Return a client with u1 and then u2 signed in."""
    first = UserSession.objects.start(workspace, u1, actor="test")
    UserSession.objects.start(workspace, u2, actor="test", client=first.client)
    return Client.objects.get()


@pytest.mark.wire("C143")
def test_a_client_shows_its_sessions(backend, client_of_two):
    shown = backend.get(f"v1/clients/{client_of_two.pk}").json()
    sessions = list(client_of_two.sessions.all())
    assert (shown["object"], shown["id"]) == ("client", client_of_two.pk)
    assert shown["session_ids"] == [session.pk for session in sessions]
    assert [session["id"] for session in shown["sessions"]] == shown["session_ids"]
    assert shown["last_active_session_id"] == sessions[0].pk
    assert shown["sign_in_id"] is shown["sign_up_id"] is shown["last_authentication_strategy"] is None


@pytest.mark.parametrize(("verb", "stays"), [("end", True), ("revoke", True), ("replace", True), ("remove", False)])
def test_the_next_session_becomes_active_when_one_is_over(backend, client_of_two, verb, stays):
    over, left = client_of_two.sessions.all()
    getattr(over, verb)(actor="test")
    shown = backend.get(f"v1/clients/{client_of_two.pk}").json()
    assert shown["last_active_session_id"] == left.pk
    assert (over.pk in shown["session_ids"]) is stays
    left.end(actor="test")
    assert backend.get(f"v1/clients/{client_of_two.pk}").json()["last_active_session_id"] is None


@pytest.fixture
def read_from_the_database():
    """Collect the ids of loaded sessions."""
    ids = []

    def note(instance, **_):
        ids.append(instance.pk)

    post_init.connect(note, sender=UserSession)
    yield ids
    post_init.disconnect(note, sender=UserSession)


@pytest.mark.parametrize("path", ["v1/clients", "v1/clients/{}"])
def test_sessions_that_left_a_client_are_not_loaded(backend, client_of_two, path, read_from_the_database):
    left, there = client_of_two.sessions.all()
    left.remove(actor="test")
    read_from_the_database.clear()
    assert backend.get(path.format(client_of_two.pk)).status_code == 200
    assert set(read_from_the_database) == {there.pk}


def test_single_session_mode_does_not_list_a_revoked_session(backend, workspace, session):
    set_user_session_policy(workspace, single_session_mode=True)
    workspace.save()
    session.revoke(actor="test")
    assert backend.get(f"v1/clients/{session.client_id}").json()["sessions"] == []


@pytest.mark.wire("C144")
def test_clients_are_listed_newest_first(backend, foreign_backend, workspace, u1):
    ids = [UserSession.objects.start(workspace, u1, actor="test").client_id for _ in range(3)][::-1]
    assert [client["id"] for client in backend.get("v1/clients").json()] == ids
    page = backend.get("v1/clients", "?paginated=true&limit=1&offset=1").json()
    assert ([client["id"] for client in page["data"]], page["total_count"]) == (ids[1:2], 3)
    assert foreign_backend.get("v1/clients").json() == []


@pytest.mark.wire("C145")
@pytest.mark.parametrize("id", ["client_missing", "x", "%00", "💥"])
def test_a_missing_client_is_not_found(backend, id):
    response = backend.get(f"v1/clients/{id}")
    assert (response.status_code, response.error) == (404, "resource_not_found")


# The token of a client


@pytest.mark.wire("C146")
def test_a_client_is_identified_by_its_token(backend, client_of_two):
    token = client_token(client_of_two)
    payload = jwt.decode(token, options={"verify_signature": False})
    assert payload == {"id": client_of_two.pk, "rotating_token": client_of_two.rotation}
    shown = backend.post("v1/clients/verify", token=token)
    assert shown.json() == backend.get(f"v1/clients/{client_of_two.pk}").json()


@pytest.mark.wire("C147")
def test_a_client_token_of_an_older_rotation_is_invalid(backend, client_of_two):
    token = client_token(client_of_two)
    Client.objects.update(rotation=random_text(10))
    response = backend.post("v1/clients/verify", token=token)
    assert (response.status_code, response.error) == (400, "cookie_invalid")


def test_a_client_token_of_a_withdrawn_key_is_invalid(backend, client_of_two, settings):
    token = client_token(client_of_two)
    settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"TOKEN_KEYS": ["n" * 40]}
    assert backend.post("v1/clients/verify", token=token).error == "cookie_invalid"
    assert backend.post("v1/clients/verify", token=client_token(client_of_two)).status_code == 200


@pytest.mark.wire("C147")
def test_stored_values_and_changed_tokens_are_invalid(backend, client_of_two):
    token = client_token(client_of_two)
    header, payload, signature = token.split(".")
    said = {"id": client_of_two.pk, "rotating_token": client_of_two.rotation}
    forged = [
        jwt.encode(said, client_of_two.rotation.ljust(32, "x"), "HS256", {"kid": client_of_two.token_key}),
        jwt.encode(said, "", "none", {"kid": client_of_two.token_key}),
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[::-1]}",
        f"{token}=",
        f" {token}",
        "x",
        "a.b.c",
    ]
    for text in forged:
        response = backend.post("v1/clients/verify", token=text)
        assert (response.status_code, response.error) == (400, "cookie_invalid")


def test_a_client_of_another_workspace_is_not_found(foreign_backend, client_of_two):
    response = foreign_backend.post("v1/clients/verify", token=client_token(client_of_two))
    assert (response.status_code, response.error) == (404, "resource_not_found")


@pytest.mark.wire("C148")
def test_verifying_a_client_accepts_only_a_token(backend, client_of_two):
    token = client_token(client_of_two)
    assert backend.post("v1/clients/verify").error == "form_param_missing"
    assert backend.post("v1/clients/verify", token=token, more=1).error == "form_param_unknown"


# Users


@pytest.mark.wire("C149")
def test_the_hosts_function_defines_the_user_object(backend, u1, u2, settings):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.profile_of"}
    shown = backend.get(f"v1/users/{user_id(u1.pk)}").json()
    assert (shown["object"], shown["id"], shown["first_name"]) == ("user", user_id(u1.pk), "Maria")
    assert shown["public_metadata"] == {"profile": {"interests": ["reading", "climbing"]}, "age": 0}
    (email,) = shown["email_addresses"]
    assert (email["email_address"], email["verification"]["status"]) == ("maria@example.com", "verified")
    assert shown["primary_email_address_id"] == email["id"]
    assert backend.get(f"v1/users/{user_id(u2.pk)}").json()["email_addresses"] == []


def test_only_a_phone_number_can_be_a_second_factor(backend, u1, settings):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.profile_with_phone"}
    shown = backend.get(f"v1/users/{user_id(u1.pk)}").json()
    of_phones = {"reserved_for_second_factor", "default_second_factor"}
    assert not of_phones & shown["email_addresses"][0].keys()
    assert of_phones <= shown["phone_numbers"][0].keys()


def test_the_default_user_object_has_django_s_fields(backend, u1):
    shown = backend.get(f"v1/users/{user_id(u1.pk)}").json()
    assert (shown["username"], shown["last_name"], shown["banned"]) == ("u1", "Doe", False)
    assert shown["created_at"] == int(u1.date_joined.timestamp() * 1000)


@pytest.mark.wire("C150")
@pytest.mark.parametrize("id", ["user_missing", "user_99999", "x", "%00"])
def test_a_missing_user_is_not_found(backend, id):
    response = backend.get(f"v1/users/{id}")
    assert (response.status_code, response.error) == (404, "resource_not_found")


def test_metadata_that_are_not_json_are_converted(backend, u1, settings):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.odd_profile"}
    shown = backend.get(f"v1/users/{user_id(u1.pk)}").json()
    assert shown["private_metadata"] == {"at": "2026-01-01 00:00:00", "nan": None}


def test_a_workspace_reads_only_its_own_users(backend, foreign_backend, workspace, u1, u2, settings):
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert backend.get(f"v1/users/{user_id(u1.pk)}").status_code == 200
    for response in (
        foreign_backend.get(f"v1/users/{user_id(u1.pk)}"),
        foreign_backend.post("v1/sessions", user_id=user_id(u1.pk)),
        foreign_backend.post("v1/sign_in_tokens", user_id=user_id(u1.pk)),
        foreign_backend.post(f"v1/users/{user_id(u1.pk)}/revoke_sessions"),
    ):
        assert (response.status_code, response.error) == (404, "resource_not_found")
    assert foreign_backend.get(f"v1/users/{user_id(u2.pk)}").status_code == 200


# Revoke all


@pytest.fixture
def three(workspace, elsewhere, u1, u2):
    """Start three sessions of u1, one of u2, and one of u1 in another workspace."""
    sessions = [UserSession.objects.start(workspace, u1, actor="test") for _ in range(3)]
    UserSession.objects.start(workspace, u2, actor="test")
    UserSession.objects.start(elsewhere, u1, actor="test")
    return sessions


def live():
    return UserSession.objects.live(at=timezone.now())


@pytest.mark.wire("C151")
def test_all_sessions_of_a_user_are_revoked(backend, three, u1):
    answer = backend.post(f"v1/users/{user_id(u1.pk)}/revoke_sessions", reason="a stolen phone").json()
    assert (answer["object"], answer["total_count"]) == ("revoked_sessions", 3)
    assert set(answer["session_ids"]) == {session.pk for session in three}
    assert live().count() == 2
    events = Event.objects.filter(type="user_session.revoked")
    assert {event.subject for event in events} == set(answer["session_ids"])
    assert {event.data["reason"] for event in events} == {"a stolen phone"}
    assert backend.post(f"v1/users/{user_id(u1.pk)}/revoke_sessions").json()["total_count"] == 0


def test_a_backend_signs_out_a_user_who_left_the_workspace(backend, workspace, u2, settings):
    session = UserSession.objects.start(workspace, u2, actor="test")
    settings.USER_SESSIONS = {"WORKSPACE_USERS": "tests.user_sessions.profiles.users_of"}
    assert backend.get(f"v1/users/{user_id(u2.pk)}").status_code == 404
    answer = backend.post(f"v1/users/{user_id(u2.pk)}/revoke_sessions")
    assert answer.json()["session_ids"] == [session.pk]


@pytest.mark.wire("C152")
def test_all_other_sessions_are_revoked_and_the_excepted_one_stays(backend, three, u1):
    kept = three[1].pk
    answer = backend.post(f"v1/users/{user_id(u1.pk)}/revoke_sessions", except_session_id=kept).json()
    assert answer["total_count"] == 2
    assert list(live().filter(user=u1, workspace=three[0].workspace)) == [three[1]]


@pytest.mark.wire("C153")
def test_all_sessions_of_a_client_are_revoked(backend, foreign_backend, client_of_two, three):
    path = f"v1/clients/{client_of_two.pk}/revoke_sessions"
    assert foreign_backend.post(path).status_code == 404
    assert backend.post(path).json()["total_count"] == 2
    assert live().count() == 5


@pytest.mark.wire("C152")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reason": "x" * 201}, 422),
        ({"reason": 5}, 422),
        ({"except": "x"}, 422),
        ({"except_session_id": 5}, 422),
        ({"except_session_id": ""}, 404),
        ({"except_session_id": "sess_missing"}, 404),
    ],
)
def test_an_invalid_exception_revokes_nothing(backend, three, u1, body, status):
    assert backend.post(f"v1/users/{user_id(u1.pk)}/revoke_sessions", **body).status_code == status
    assert live().count() == 5


def test_the_excepted_session_must_be_one_of_them(backend, three, u1, u2):
    other = UserSession.objects.get(user=u2)
    assert backend.post(f"v1/users/{user_id(u1.pk)}/revoke_sessions", except_session_id=other.pk).status_code == 404
    assert live().count() == 5


def test_a_thousand_sessions_are_revoked_in_one_statement(backend, workspace, u1):
    one = UserSession.objects.start(workspace, u1, actor="test")
    row = UserSession.objects.filter(pk=one.pk).values(*(field.attname for field in UserSession._meta.fields)).get()
    UserSession.objects.bulk_create(UserSession(**row | {"id": f"sess_{n}"}) for n in range(999))
    with CaptureQueriesContext(connection) as captured:
        assert len(UserSession.objects.in_workspace(workspace).of_user(u1).revoke(actor="test")) == 1000
    updates = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == 1
    assert Event.objects.filter(type="user_session.revoked").count() == 1000
    assert backend.request("POST", f"v1/sessions/{one.pk}/tokens").status_code == 404


def test_deactivating_a_user_through_a_proxy_model_signs_them_out(three, u1):
    class Employee(type(u1)):
        class Meta:
            proxy = True
            app_label = "tests"

    connect()  # a host has its proxies before the apps are ready
    employee = Employee.objects.get(pk=u1.pk)
    employee.is_active = False
    employee.save()
    assert not live().filter(user=u1).exists()


def test_deactivating_a_user_signs_them_out_everywhere_permanently(three, u1):
    u1.is_active = False
    u1.save()
    assert [session.user.username for session in live().select_related("user")] == ["u2"]
    u1.is_active = True
    u1.save()
    assert live().count() == 1
    assert {session.closed_by for session in UserSession.objects.filter(user=u1)} == {"system:user_deactivated"}
