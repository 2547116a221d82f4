"""Management commands, and the same tasks in the console."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch
from django.utils import timezone

from sessions_core import cleaning
from sessions_core.console.console_words import link_to
from sessions_core.models import Event
from user_sessions.console.client_pages import MOST_SESSIONS
from user_sessions.models import (
    Client,
    Definition,
    Epoch,
    JwtTemplate,
    SignIn,
    SigningKey,
    Stage,
    Ticket,
    UserSession,
    UserSessionPolicy,
)
from user_sessions.users import user_id

pytestmark = pytest.mark.usefixtures("unseen_operators")


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
    assert UserSessionPolicy.of(workspace).signing_algorithm == "ES256"


@pytest.mark.parametrize(("verb", "stage"), [("retire", Stage.ACTIVE), ("revoke", Stage.GONE)])
def test_a_retired_or_revoked_key_gets_a_successor(name, workspace, verb, stage):
    key = SigningKey.objects.current(workspace)
    assert f"{verb.title()}d." in run("signing_keys", verb, name, key.kid)
    assert SigningKey.objects.get(pk=key.pk).stage_at(timezone.now()) == stage
    assert SigningKey.objects.exclude(pk=key.pk).get().revoked_at is None
    again = run("signing_keys", verb, name, key.kid)
    assert again.startswith(
        "The key is already gone.\n" if verb == "revoke" else "Its successor is already published.\n"
    )
    line = next(line for line in again.splitlines() if line.startswith(key.kid))
    assert ("revoked at 20" in line) == (verb == "revoke") != ("published until 20" in line)
    event = Event.objects.filter(type=f"signing_key.{verb}d").get()
    assert (event.subject, event.actor) == (key.kid, "command:signing_keys")


def test_a_pending_key_can_be_replaced_by_one_of_another_algorithm(name, workspace):
    run("signing_keys", "rotate", name)
    following = SigningKey.objects.earliest("-active_from")
    assert "Retire it to get a key for ES256" in run("signing_keys", "rotate", name, "--algorithm", "ES256")
    workspace.refresh_from_db()
    assert UserSessionPolicy.of(workspace).signing_algorithm == "RS256"
    assert run("signing_keys", "retire", name, following.kid).startswith("Retired.")
    assert run("signing_keys", "retire", name, following.kid).startswith("The key is already gone.\n")
    run("signing_keys", "rotate", name, "--algorithm", "ES256")
    assert SigningKey.objects.earliest("-active_from").algorithm == "ES256"


def test_a_key_of_another_workspace_is_not_found(name, elsewhere):
    key = SigningKey.objects.current(elsewhere)
    with pytest.raises(CommandError, match="has no signing key"):
        run("signing_keys", "revoke", name, key.kid)
    assert SigningKey.objects.get().revoked_at is None


# Templates


def test_a_template_is_previewed(workspace, session):
    claims = {"id": "{{user.id}}", "x": "{{user.nick}}"}
    JwtTemplate.objects.define(workspace, Definition(name="t1", claims=claims), actor="test")
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


def test_customising_prints_the_result_and_lint_findings(name, workspace):
    said, finding = run("jwt_template", "session_token", name, '{"nick": "{{user.nick}}"}').splitlines()
    assert said == f"Session tokens of Here now carry these claims ({JwtTemplate.objects.get().pk})."
    assert finding.startswith("unknown_shortcode at /nick: There is no user.nick")


def test_a_refused_customisation_prints_the_reason(name, workspace):
    reserved = r"Only the server may set the claim 'sub'\.$"
    for claims, why in (('{"sub": 1}', reserved), ('{"aud": 1}', "neither a string nor a list")):
        with pytest.raises(CommandError, match=why):
            run("jwt_template", "session_token", name, claims)


def test_claims_too_large_for_a_session_token_are_refused(name, workspace, session):
    for letter, most in (("x", 8_182), ("\u2603", 8_182 // 6)):  # a token has the second as six letters
        fits, does_not = (json.dumps({"pad": letter * count}) for count in (most, most + 1))
        with pytest.raises(CommandError, match="more than 8192 bytes"):
            run("jwt_template", "session_token", name, does_not)
        said = run("jwt_template", "session_token", name, fits)
        assert "token_too_large" in said
        assert "token_too_large" in run("jwt_template", "preview", "__session_token", "--session", session.pk)


def test_a_session_token_too_large_for_verifiers_is_not_previewed(name, workspace, session, settings):
    settings.USER_SESSIONS = {"USER_PROFILE": "tests.user_sessions.profiles.talkative_profile"}
    run("jwt_template", "session_token", name, '{"all": "{{user.public_metadata}}"}')
    with pytest.raises(CommandError, match="gives no token"):
        run("jwt_template", "preview", "__session_token", "--session", session.pk)


@pytest.mark.parametrize("claims", ["{", "[]", "5", '{"sub": "x"}', '{"a": "' + "x" * 20_000 + '"}', '{"a": NaN}'])
def test_invalid_claims_are_refused(name, claims):
    with pytest.raises(CommandError):
        run("jwt_template", "session_token", name, claims)
    assert not JwtTemplate.objects.exists()


# The console


@pytest.fixture
def console(db):
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("root"))
    return browser


def act(console, model, action, *ids):
    path = f"/admin/user_sessions/{model}/"
    response = console.post(path, {"action": action, "_selected_action": ids, "confirmed": "yes", "reason": "a test"})
    assert response.status_code == 302, response.content


def test_the_console_signs_out_a_client_or_a_user(console, workspace, u1, u2):
    first = UserSession.objects.start(workspace, u1, actor="test")
    UserSession.objects.start(workspace, u1, actor="test")
    other = UserSession.objects.start(workspace, u2, actor="test")
    act(console, "usersession", "revoke_all_of_user", first.pk)
    assert list(live()) == [other]
    act(console, "client", "revoke_sessions", other.client_id)
    assert not live().exists()


def test_the_console_begins_no_epoch_without_a_confirmation(console, workspace, session):
    page = "/admin/user_sessions/epoch/add/"
    assert "signs out every user of the workspace" in console.get(page).content.decode()
    refused = console.post(page, {"workspace": str(workspace.pk), "reason": "a leak"})
    assert "is_meant" in refused.context["adminform"].form.errors
    assert live().exists() and not Epoch.objects.exists()


def test_the_console_begins_an_epoch(console, workspace, session):
    meant = {"workspace": str(workspace.pk), "reason": "a leak", "is_meant": "on"}
    assert console.post("/admin/user_sessions/epoch/add/", meant).status_code == 302
    epoch = Epoch.objects.get()
    assert "a leak" in console.get(f"/admin/user_sessions/epoch/{epoch.pk}/change/").content.decode()
    assert (epoch.reason, epoch.actor[:9]) == ("a leak", "operator:")
    assert not live().exists()
    page = console.get(f"/admin/user_sessions/usersession/{session.pk}/change/").content.decode()
    assert f"by {epoch.actor}: a leak" in page


def test_the_console_shows_templates_and_tickets_without_their_secrets(console, workspace, u1):
    definition = Definition(name="t1", claims={}, signing_algorithm="HS256", signing_key=b"k" * 40)
    template = JwtTemplate.objects.define(workspace, definition, actor="test")
    ticket = Ticket.objects.issue(workspace, u1, actor="test", lifetime=timedelta(minutes=5))
    for path in (f"jwttemplate/{template.pk}", f"ticket/{ticket.pk}"):
        page = console.get(f"/admin/user_sessions/{path}/change/")
        assert page.status_code == 200
        assert "k" * 12 not in page.content.decode()  # and no random token of a form holds that
    act(console, "ticket", "revoke", ticket.pk)
    act(console, "ticket", "revoke", ticket.pk)
    assert Ticket.objects.get().status == "revoked"


def test_the_console_retires_and_revokes_keys(console, workspace):
    key = SigningKey.objects.current(workspace)
    act(console, "signingkey", "retire", key.pk)
    act(console, "signingkey", "revoke", key.pk)
    assert SigningKey.objects.get(pk=key.pk).revoked_at is not None


def test_the_console_revokes_a_whole_list_at_once(console, workspace, u1, u2):
    for user in [u1] * 12 + [u2]:
        UserSession.objects.start(workspace, user, actor="test")
    chosen = {
        "action": "revoke",
        "_selected_action": ["any"],
        "select_across": "1",
        "confirmed": "yes",
        "reason": "a test",
    }
    with CaptureQueriesContext(connection) as queries:
        console.post("/admin/user_sessions/usersession/?q=u1&status_now=active", chosen)
    assert [session.user for session in live()] == [u2]
    assert sum(query["sql"].startswith('UPDATE "user_sessions_usersession"') for query in queries) == 1
    assert Event.objects.filter(type="user_session.revoked").count() == 12


def test_the_console_shows_the_reason_of_an_ending(console, session):
    session.revoke(actor="test", reason="<stolen>")
    page = console.get(f"/admin/user_sessions/usersession/{session.pk}/change/").content.decode()
    assert "user_session.revoked</a> by test: &lt;stolen&gt;" in page


def test_the_console_finds_a_client_by_its_user(console, workspace, u1, u2):
    first, other = (UserSession.objects.start(workspace, user, actor="test") for user in (u1, u2))
    UserSession.objects.start(workspace, u1, actor="test", client=first.client, replacing=True)
    found = console.get("/admin/user_sessions/client/", {"q": "u1"})
    assert [client.pk for client in found.context["cl"].result_list] == [first.client_id]
    for page in (found, console.get(f"/admin/user_sessions/client/{first.client_id}/change/")):
        shown = page.content.decode()
        assert f'<a href="/admin/auth/user/{u1.pk}/change/">u1</a>' in shown
        for session in first.client.sessions.all():
            assert f'<a href="/admin/user_sessions/usersession/{quote(session.pk)}/change/">{session.pk}</a>' in shown
        assert other.pk not in shown
        every = console.get(f"/admin/user_sessions/usersession/?client={first.client_id}")
        assert f'<a href="/admin/user_sessions/usersession/?client={first.client_id}">all</a>' in shown
        assert len(every.context["cl"].result_list) == first.client.sessions.count()


def test_the_console_shows_the_newest_sessions_of_a_client(console, workspace, u1):
    client = UserSession.objects.start(workspace, u1, actor="test").client
    for _ in range(MOST_SESSIONS):
        UserSession.objects.start(workspace, u1, actor="test", client=client, replacing=True)
    shown = console.get(f"/admin/user_sessions/client/{client.pk}/change/").content.decode()
    newest, oldest = client.sessions.latest("created_at"), client.sessions.earliest("created_at")
    assert newest.pk in shown and oldest.pk not in shown


def test_a_list_of_clients_has_a_fixed_number_of_queries(console, workspace, u1, u2):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            assert console.get("/admin/user_sessions/client/").status_code == 200
        return len(queries)

    UserSession.objects.start(workspace, u1, actor="test")
    console.get("/admin/user_sessions/client/")
    one = asked()
    for user in (u1, u2) * 4:
        UserSession.objects.start(workspace, user, actor="test")
    assert asked() == one


def test_a_session_page_links_its_client(console, session):
    page = console.get(f"/admin/user_sessions/usersession/{session.pk}/change/").content.decode()
    assert f'href="/admin/user_sessions/client/{quote(session.client_id)}/change/"' in page


def test_a_user_without_an_admin_page_is_not_linked(session, monkeypatch):
    monkeypatch.setattr("sessions_core.console.console_words.reverse", _no_page)
    assert link_to(session.user) == "u1"


def _no_page(*_: object, **__: object) -> str:
    raise NoReverseMatch


def test_the_console_spells_algorithms_as_tokens_do(console, workspace):
    key = SigningKey.objects.current(workspace)
    for page in ("", f"{key.pk}/change/"):
        shown = console.get(f"/admin/user_sessions/signingkey/{page}").content.decode()
        assert "RS256" in shown and "Rs256" not in shown
    form = console.get(f"/admin/sessions_core/workspace/{workspace.pk}/change/").content.decode()
    assert ">EdDSA</option>" in form and ">RS256</option>" in form and "Eddsa" not in form


def test_unused_clients_are_deleted_after_a_day(workspace, u1, monkeypatch):
    monkeypatch.setattr(cleaning, "BATCH", 2)
    last_month, long_ago, lately = (timezone.now() - timedelta(hours=hours) for hours in (31 * 24, 48, 23))
    for at in (last_month, last_month, last_month, long_ago):
        SignIn.objects.begin(Client.objects.begin(workspace, at=long_ago), u1, "u1", at=at)
    recent_attempt = SignIn.objects.get(created_at=long_ago).client
    Client.objects.begin(workspace, at=long_ago)
    new = Client.objects.begin(workspace, at=lately)
    used = UserSession.objects.start(workspace, u1, actor="test", at=long_ago)
    used.remove(actor="test")
    assert _cleaned("clients") == 4
    assert set(Client.objects.all()) == {new, used.client, recent_attempt}
    assert _cleaned("clients") == 0


def _cleaned(kind: str) -> int:
    """Run ``sessions clean``. Return the number of deleted rows of a kind."""
    kinds = {each["kind"]: each for each in json.loads(run("sessions", "clean", "--json"))}
    return kinds[kind]["deleted"]
