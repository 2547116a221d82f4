"""What an operator does at the shell, and in the console."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone

from sessions_core.models import Event
from user_sessions.models import Definition, Epoch, JwtTemplate, SigningKey, Stage, Ticket, UserSession
from user_sessions.users import user_id


def run(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def name(workspace):
    return str(workspace.pk)


def live() -> Any:
    return UserSession.objects.live(at=timezone.now())


# Signing keys


def test_a_rotation_publishes_the_next_key(name, workspace):
    active = SigningKey.objects.current(workspace)
    printed = run("signing_keys", "rotate", name)
    following = SigningKey.objects.exclude(pk=active.pk).get()
    assert f"{following.kid} signs from" in printed
    assert [line.split()[2] for line in printed.splitlines()[1:]] == ["next", "active"]
    assert run("signing_keys", "rotate", name) == printed


def test_a_rotation_may_change_the_algorithm(name, workspace):
    SigningKey.objects.current(workspace)
    assert "ES256" in run("signing_keys", "rotate", name, "--algorithm", "ES256")
    workspace.refresh_from_db()
    assert workspace.signing_algorithm == "ES256"


@pytest.mark.parametrize(("verb", "stage"), [("retire", Stage.ACTIVE), ("revoke", Stage.GONE)])
def test_a_key_steps_down_and_another_comes(name, workspace, verb, stage):
    key = SigningKey.objects.current(workspace)
    assert f"It was {verb}d." in run("signing_keys", verb, name, key.kid)
    assert SigningKey.objects.get(pk=key.pk).stage_at(timezone.now()) == stage
    assert SigningKey.objects.exclude(pk=key.pk).get().revoked_at is None
    assert "Nothing to do" in run("signing_keys", verb, name, key.kid)
    event = Event.objects.filter(type=f"signing_key.{verb}d").get()
    assert (event.subject, event.actor) == (key.kid, "command:signing_keys")


def test_a_key_of_another_workspace_is_out_of_reach(name, elsewhere):
    key = SigningKey.objects.current(elsewhere)
    with pytest.raises(CommandError, match="has no signing key"):
        run("signing_keys", "revoke", name, key.kid)
    assert SigningKey.objects.get().revoked_at is None


# Templates


def test_a_template_is_previewed(workspace, session):
    claims = {"id": "{{user.id}}", "x": "{{user.nick}}"}
    JwtTemplate.objects.define(workspace, Definition(name="t1", claims=claims), by="test")
    printed = run("jwt_template", "preview", "t1", "--session", session.pk)
    shown = json.loads(printed[: printed.rindex("}") + 1])
    assert (shown["id"], shown["x"], shown["sub"]) == (user_id(session.user_id), None, user_id(session.user_id))
    assert "unknown_shortcode at /x: There is no user.nick" in printed
    for name, id in (("t2", session.pk), ("t1", "sess_none")):
        with pytest.raises(CommandError):
            run("jwt_template", "preview", name, "--session", id)


def test_session_tokens_are_customised_and_previewed(name, workspace, session):
    run("jwt_template", "session_token", name, '{"nick": "{{user.first_name}}"}')
    run("jwt_template", "session_token", name, '{"nickname": "{{user.first_name}}"}')
    template = JwtTemplate.objects.get()
    printed = run("jwt_template", "preview", template.name, "--session", session.pk)
    shown = json.loads(printed[: printed.rindex("}") + 1])
    assert (shown["nickname"], shown["sid"], shown["v"]) == ("Maria", session.pk, 2)


@pytest.mark.parametrize("claims", ["{", "[]", "5", '{"sub": "x"}', '{"a": "' + "x" * 20_000 + '"}', '{"a": NaN}'])
def test_claims_that_are_none_are_refused(name, claims):
    with pytest.raises(CommandError):
        run("jwt_template", "session_token", name, claims)
    assert not JwtTemplate.objects.exists()


# Signing out


def test_somebody_is_signed_out_everywhere(name, workspace, u1, u2):
    first, _, other = (UserSession.objects.start(workspace, user, by="test") for user in (u1, u1, u2))
    assert run("revoke_user_sessions", name, "--user", user_id(u1.pk), "--except", first.pk) == "1 sessions revoked.\n"
    assert set(live()) == {first, other}
    assert (
        run("revoke_user_sessions", name, "--client", first.client_id, "--reason", "stolen") == "1 sessions revoked.\n"
    )
    first.refresh_from_db()
    assert (first.closed_by, first.close_reason) == ("command:revoke_user_sessions", "stolen")
    assert list(live()) == [other]


def test_everybody_is_signed_out(name, session):
    assert "is revoked" in run("revoke_user_sessions", name, "--everybody")
    assert not live().exists()


@pytest.mark.parametrize("how", [("--user", "user_none"), ("--everybody", "--except", "sess_1")])
def test_what_makes_no_sense_signs_nobody_out(name, session, how):
    with pytest.raises(CommandError):
        run("revoke_user_sessions", name, *how)
    assert live().exists()


# The console


@pytest.fixture
def console(db):
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("root"))
    return browser


def act(console, model, action, *ids):
    path = f"/admin/user_sessions/{model}/"
    response = console.post(path, {"action": action, "_selected_action": ids, "confirmed": "yes"})
    assert response.status_code == 302, response.content


def test_the_console_signs_out_a_client_or_a_user(console, workspace, u1, u2):
    first = UserSession.objects.start(workspace, u1, by="test")
    UserSession.objects.start(workspace, u1, by="test")
    other = UserSession.objects.start(workspace, u2, by="test")
    act(console, "usersession", "revoke_all_of_user", first.pk)
    assert list(live()) == [other]
    act(console, "client", "revoke_sessions", other.client_id)
    assert not live().exists()


def test_the_console_begins_an_epoch(console, workspace, session):
    console.post("/admin/user_sessions/epoch/add/", {"workspace": str(workspace.pk), "reason": "a leak"})
    epoch = Epoch.objects.get()
    assert (epoch.reason, epoch.by[:9]) == ("a leak", "operator:")
    assert not live().exists()
    page = console.get(f"/admin/user_sessions/usersession/{session.pk}/change/").content.decode()
    assert f"by {epoch.by}: a leak" in page


def test_the_console_shows_templates_and_tickets_without_their_secrets(console, workspace, u1):
    definition = Definition(name="t1", claims={}, signing_algorithm="HS256", signing_key=b"k" * 40)
    template = JwtTemplate.objects.define(workspace, definition, by="test")
    ticket = Ticket.objects.issue(workspace, u1, by="test", lifetime=timedelta(minutes=5))
    for path in (f"jwttemplate/{template.pk}", f"ticket/{ticket.pk}"):
        page = console.get(f"/admin/user_sessions/{path}/change/")
        assert page.status_code == 200
        assert "kkkk" not in page.content.decode()
    act(console, "ticket", "revoke", ticket.pk)
    act(console, "ticket", "revoke", ticket.pk)
    assert Ticket.objects.get().status == "revoked"


def test_the_console_retires_and_revokes_keys(console, workspace):
    key = SigningKey.objects.current(workspace)
    act(console, "signingkey", "retire", key.pk)
    act(console, "signingkey", "revoke", key.pk)
    assert SigningKey.objects.get(pk=key.pk).revoked_at is not None
