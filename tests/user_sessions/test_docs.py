"""The pages about user sessions are correct: their tables match the code, and their examples run."""

import re
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Field
from django.urls import path
from django.utils import timezone

from sessions_core.http.routes import ANY_KEY
from sessions_core.models import Workspace
from tests.pages import DOCS, blocks, run_bash, table
from tests.user_sessions.accounts import MULTI, SINGLE
from tests.user_sessions.conftest import claims_of
from tests.user_sessions.test_lifecycle import OUTCOMES
from user_sessions.clerk.backend.backend_routes import ROUTES
from user_sessions.clerk.errors import CATALOGUE
from user_sessions.clerk.frontend.client_authentication import VISITOR
from user_sessions.clerk.frontend.frontend_routes import ROUTES as BROWSER_ROUTES
from user_sessions.conf import DEFAULT_RATES
from user_sessions.models import SigningKey, Status, UserSession, UserSessionPolicy
from user_sessions.templating import template_lint
from user_sessions.templating.shortcodes import RESERVED_IN_SESSION_TOKENS, SHORTCODES
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import user_id

PAGE = "user-sessions.md"
BROWSERS = "browsers.md"


def test_every_route_is_documented_with_its_methods_and_the_scope_of_each():
    documented = [(path, methods.split(", "), scopes.split(", ")) for path, methods, scopes in table(PAGE, "Routes")]
    assert documented == [(route.path, list(route.actions), scopes_of(route)) for route in ROUTES]


def scopes_of(route):
    needed = [route.scopes[action] for action in route.actions.values()]
    return ["none"] if set(needed) == {ANY_KEY} else needed


def test_every_error_is_documented_with_its_status():
    rows = [*table(PAGE, "Errors"), *table(BROWSERS, "Errors")]
    assert {code: int(status) for code, status, _ in rows} == {code: status for code, (status, _) in CATALOGUE.items()}
    assert len(rows) == len(CATALOGUE)


def test_every_route_for_browsers_is_documented_with_its_credentials():
    documented = [
        (path, methods.split(", "), visitors == "yes") for path, methods, visitors in table(BROWSERS, "Routes")
    ]
    assert documented == [(route.path, list(route.actions), VISITOR in route.open_to) for route in BROWSER_ROUTES]


@pytest.mark.parametrize(
    ("heading", "rows"), [("Use several accounts", MULTI), ("Allow one account at a time", SINGLE)]
)
def test_the_rules_of_accounts_are_documented_cell_by_cell(heading, rows):
    assert table(BROWSERS, heading) == [
        [row.was or "-", row.what, row.then or "-", row.credential, row.refused.partition(" ")[2]] for row in rows
    ]


def test_every_rate_is_documented():
    assert {kind: rate for kind, rate, _ in table(BROWSERS, "Limits")} == DEFAULT_RATES


def test_the_states_are_documented_with_the_verbs_that_leave_them():
    documented = {
        state: set(re.findall(r"\w+", left_by)) & set(OUTCOMES) for state, _, left_by in table(PAGE, "States")
    }
    assert documented == {state: {verb for verb in OUTCOMES if state in OUTCOMES[verb]} for state in Status.values}


@pytest.fixture
def given(live_server, api_key) -> dict[str, Any]:
    """Return the variables that the page expects."""
    user = get_user_model().objects.create_user("jane_doe")
    issuer = UserSessionPolicy.objects.get().frontend_api
    return {"URL": live_server.url, "API_KEY": api_key, "USER_ID": user_id(user.pk), "ISSUER": issuer}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands are curl's, which is not installed here")
def test_the_commands_work_in_the_order_of_the_page(given):
    printed = run_bash(PAGE, given)
    assert '"jwt":"ey' in printed
    assert '"status":"revoked"' in printed.rpartition('"keys":[')[2]


@pytest.mark.django_db(transaction=True)
def test_the_python_works(given):
    names = dict(given)
    *over_http, in_process = (block for block in blocks(PAGE, "python") if not re.search("keep_session|def ", block))
    for block in over_http:
        exec(compile(block, PAGE, "exec"), names)
    assert names["claims"]["sid"] == names["session"].id
    names |= {"workspace": Workspace.objects.get(), "user": get_user_model().objects.get()}
    exec(compile(in_process, PAGE, "exec"), names)
    assert claims_of(names["token"])["sid"] == names["session"].pk
    assert names["session"].status == Status.REVOKED


def page_of_sessions() -> Any:
    """Return a module with the views of the page, their URLs, and ``is_signed_in``."""
    views, check = (block for block in blocks(PAGE, "python") if "def " in block)
    page = ModuleType("page_of_sessions")
    exec(compile(views + check, PAGE, "exec"), vars(page))
    page.urlpatterns = [
        path("devices", page.devices, name="devices"),
        path("devices/<str:session_id>", page.sign_out, name="sign_out"),
    ]
    return page


@pytest.mark.django_db
def test_the_button_of_the_page_ends_a_session(workspace, u1, settings, client, django_assert_num_queries):
    page, (template,) = page_of_sessions(), blocks(PAGE, "html")
    settings.ROOT_URLCONF = page
    loader = ("django.template.loaders.locmem.Loader", {"devices.html": template})
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": False, "OPTIONS": {"loaders": [loader]}}]
    session, other = (UserSession.objects.start(workspace, u1, actor="test") for _ in range(2))
    client.force_login(u1)
    button = f'action="/devices/{session.pk}"'
    assert button in client.get("/devices").text
    assert button not in client.post(f"/devices/{session.pk}", follow=True).text
    with django_assert_num_queries(2):
        assert not page.is_signed_in(SimpleNamespace(session_id=session.pk))
    assert page.is_signed_in(SimpleNamespace(session_id=other.pk))


@pytest.mark.django_db
def test_the_python_about_password_changes_works(workspace, u1):
    first, other = (UserSession.objects.start(workspace, u1, actor="test") for _ in range(2))
    (change,) = (block for block in blocks(PAGE, "python") if "keep_session" in block)
    exec(compile(change, PAGE, "exec"), {"session": first, "user": u1, "new_password": "pi is exactly three"})
    assert list(UserSession.objects.live(at=timezone.now())) == [first]
    assert UserSession.objects.get(pk=other.pk).close_reason == "password_changed"


@pytest.mark.django_db(transaction=True)
def test_the_worker_on_the_verification_page_selects_the_right_key(given):
    workspace, now = Workspace.objects.get(), timezone.now()
    session = UserSession.objects.start(workspace, get_user_model().objects.get(), actor="test", at=now)
    token = session_token(UserSession.minting(workspace, session.pk, at=now), at=now)
    SigningKey.objects.rotate(workspace, actor="test")
    names = {**given, "TOKEN": token}
    for block in blocks("verifying.md", "python"):
        exec(compile(block, "verifying.md", "exec"), names)
    assert len(names["jwks"]["keys"]) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands are curl's, which is not installed here")
def test_the_commands_about_browsers_work(given):
    UserSessionPolicy.objects.update(frontend_api=given["URL"])
    printed = run_bash(BROWSERS, given)
    assert '"object":"token"' in printed
    assert printed.endswith('"client":null}')
    assert UserSession.objects.get().status == Status.REMOVED


# JWT templates

TEMPLATES = "jwt-templates.md"


def test_every_shortcode_is_documented():
    assert {shortcode for shortcode, _ in table(TEMPLATES, "Shortcodes")} == SHORTCODES


def test_every_finding_of_the_lint_is_documented():
    source = Path(template_lint.__file__).read_text()
    raised = set(re.findall(r'Finding\(\s*"(\w+)"', source))
    assert {code for code, _ in table(TEMPLATES, "Preview a template")} == raised


def test_every_reserved_claim_is_documented():
    named = set(re.findall(r"`(\w+)`", (DOCS / TEMPLATES).read_text().split("## Mint")[1].split("## Shortcodes")[0]))
    assert named - {"cat"} == RESERVED_IN_SESSION_TOKENS


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands are curl's, which is not installed here")
def test_the_commands_about_templates_work(given):
    printed = run_bash(TEMPLATES, given)
    assert '"x-hasura-default-role":"user"' in printed
    assert '"lint":[]' in printed
    assert printed.rpartition('"object":"token"')[2]


def test_every_policy_of_a_workspace_is_documented():
    documented = {field for field, *_ in table(PAGE, "Policy of a workspace") if field.isidentifier()}
    fields = {field.name for field in UserSessionPolicy._meta.get_fields() if isinstance(field, Field)}
    assert documented == fields - {"workspace"}
