"""Personal access tokens, which work for several workspaces."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from client_sessions.models import PersonalAccessToken
from sessions_core.models import Event
from tests.callers import Caller, bearer
from tests.client_sessions.conftest import devices_seen
from tests.dump import dump


@pytest.fixture
def person(db):
    return get_user_model().objects.create(username="jane")


@pytest.fixture
def token(person, workspace, elsewhere) -> str:
    return PersonalAccessToken.objects.issue(person, [workspace, elsewhere], name="laptop", actor="test")[1]


def at(workspace_id: object, token: str) -> Caller:
    return Caller(**{"authorization": f"Bearer {token}", "seam-workspace": str(workspace_id)})


@pytest.mark.wire("S112")
def test_the_header_selects_the_workspace(token, workspace, elsewhere, home):
    assert devices_seen(at(workspace.pk, token)) == ["d1", "d2", "d3"]
    assert devices_seen(at(elsewhere.pk, token)) == ["dx"]


def test_events_name_the_person_as_actor(token, workspace):
    answer = at(workspace.pk, token).post("client_sessions/create", user_identifier_key="u1").json()
    event = Event.objects.get(subject=answer["client_session"]["client_session_id"])
    assert event.actor == f"personal_access_token:{token[8:16]}"


@pytest.mark.wire("S114")
@pytest.mark.parametrize("named", ["live_workspace", "unknown", "nonsense", None])
def test_no_other_workspace_can_be_chosen(token, live_workspace, named):
    chosen = {"live_workspace": live_workspace.pk, "unknown": uuid4(), "nonsense": "x"}
    caller = at(chosen[named], token) if named else bearer(token)
    response = caller.get("devices/list")
    assert (response.status_code, response.error) == (401, "unauthorized")


@pytest.mark.wire("S115")
def test_without_a_workspace_it_lists_its_workspaces(token, workspace, elsewhere, live_workspace):
    listed = bearer(token).get("workspaces/list").json()["workspaces"]
    assert {each["workspace_id"] for each in listed} == {str(workspace.pk), str(elsewhere.pk)}


@pytest.mark.wire("S116")
@pytest.mark.parametrize("change", ["revoked", "user inactive", "user gone", "forged"])
def test_an_invalid_token_is_refused_at_once(token, person, workspace, change):
    assert at(workspace.pk, token).get("workspaces/get").status_code == 200
    if change == "revoked":
        assert PersonalAccessToken.objects.get().revoke(actor="test")
        assert not PersonalAccessToken.objects.get().revoke(actor="test")
    if change == "user inactive":
        get_user_model().objects.update(is_active=False)
    if change == "user gone":
        person.delete()
    if change == "forged":
        token = token[:-1] + ("1" if token[-1] != "1" else "2")
    for path in ("workspaces/get", "workspaces/list"):
        response = at(workspace.pk, token).get(path)
        assert (response.status_code, response.error) == (401, "unauthorized")


def test_it_is_stored_as_a_digest(token):
    assert token.startswith("seam_at1")
    secret = token.rpartition("_")[2]
    assert all(secret not in value for value in dump())


def test_its_events_are_recorded_in_every_workspace(token, workspace, elsewhere):
    PersonalAccessToken.objects.get().revoke(actor="operator:1")
    for each in (workspace, elsewhere):
        types = Event.objects.filter(workspace=each, subject=token[8:16]).order_by("id").values_list("type", flat=True)
        assert list(types) == ["personal_access_token.created", "personal_access_token.revoked"]


def test_checking_one_costs_two_queries(token, workspace, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert at(workspace.pk, token).get("workspaces/get").status_code == 200


def test_a_command_issues_and_prints_one(person, workspace, elsewhere, capsys):
    options = ["--workspace", str(workspace.pk), "--workspace", "Elsewhere", "--name", "laptop"]
    call_command("issue_personal_access_token", "jane", *options)
    token = capsys.readouterr().out.strip()
    assert at(elsewhere.pk, token).get("workspaces/get").status_code == 200
    with pytest.raises(CommandError, match="No user has the id, user name or e-mail address"):
        call_command("issue_personal_access_token", "nobody", *options)
