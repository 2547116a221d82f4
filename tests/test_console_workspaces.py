"""Workspaces in the console: policies in words, and an event for each change."""

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from client_sessions.models import ClientSession, ClientSessionPolicy
from sessions_core.models import ApiKey, Event, Workspace
from user_sessions.models import UserSession, UserSessionPolicy

pytestmark = pytest.mark.usefixtures("unseen_operators")

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
LIST = "/admin/sessions_core/workspace/"


@pytest.fixture
def operator(db):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def posted(page):
    """Return the values that the form of a page would post unchanged."""
    values = {}
    context = page.context
    for formset in (each.formset for each in context["inline_admin_formsets"]):
        for form in [formset.management_form, *formset.forms]:
            for field in form:
                values[field.html_name] = field.value()
    for field in context["adminform"].form:
        values[field.html_name] = field.value()
    return {name: value for name, value in values.items() if value is not None and value is not False}


def change(operator, workspace, confirmed="yes", **values):
    """Post the form of the workspace with these values, and the confirmation unless it is None."""
    address = f"{LIST}{workspace.pk}/change/"
    given = {name.replace("__", "-0-"): value for name, value in values.items()}
    given |= {} if confirmed is None else {"policies_confirmed": confirmed}
    return operator.post(address, {**posted(operator.get(address)), **given})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "A user session ends 7 days after the sign-in, even if it is in use."),
        (
            {"lifetime": timedelta(days=30), "idle_lifetime": timedelta(hours=1, minutes=30)},
            "A user session ends 30 days after the sign-in, or after 1 hour, 30 minutes without use.",
        ),
        (
            {"lifetime": None, "idle_lifetime": timedelta(seconds=90)},
            "A user session ends after 1 minute, 30 s without use, and never while it is in use.",
        ),
        ({}, "A user can have any number of live sessions."),
        ({"limit": 3}, "Live sessions of one user: at most 3. One more sign-in is refused."),
        ({"limit": 1, "limit_policy": "end_oldest"}, "at most 1. One more sign-in ends the oldest."),
        ({"single_session_mode": True}, "A browser or an app has one user session at a time."),
        ({"reuse_policy": "revoke"}, "A session token that is refreshed a second time revokes its session."),
        ({"backend_sessions_enabled": True}, "A backend can create user sessions without a sign-in."),
    ],
)
def test_the_rules_of_user_sessions_in_words(values, sentence):
    words = [str(each).replace("\xa0", " ") for each in UserSessionPolicy(**values).in_words()]
    assert any(sentence in each for each in words), words


def test_the_rules_of_client_sessions_in_words():
    policy = ClientSessionPolicy(lifetime=timedelta(days=1), user_identifier_key_min_length=12)
    words = [str(each).replace("\xa0", " ") for each in policy.in_words()]
    assert words[:2] == [
        "A client session lives 1 day if the caller gives no end.",
        "In a live workspace none lives longer than 365 days.",
    ]
    assert words[3] == "The user identifier key of such a browser has at least 12 characters."


def test_words_are_in_the_language_of_the_operator():
    with override("de"):
        assert "7 Tage" in UserSessionPolicy().in_words()[0].replace("\xa0", " ")


def test_the_page_says_what_the_rules_do(operator, workspace):
    page = operator.get(f"{LIST}{workspace.pk}/change/").content.decode().replace("\xa0", " ")
    assert "A user session ends 7 days after the sign-in" in page
    assert page.index("A client session lives 365 days") < page.index('name="client_sessions_policy-0-lifetime"')


class TestConfirmation:
    """The page that a changed policy shows before it is saved."""

    @pytest.fixture(autouse=True)
    def sessions(self, workspace):
        u1, u2 = (get_user_model().objects.create_user(name) for name in ("u1", "u2"))
        now = timezone.now()
        for at in (now - timedelta(hours=2), now):
            UserSession.objects.start(workspace, u1, actor="test", at=at)
        UserSession.objects.start(workspace, u2, actor="test")
        ClientSession.objects.start(workspace, actor="test", user_identifier_key="maria")

    def asked(self, operator, workspace, **values):
        response = change(operator, workspace, confirmed=None, **values)
        assert response.status_code == 200
        return html.unescape(response.content.decode().replace("\xa0", " "))

    @pytest.mark.parametrize(
        ("rule", "value", "sentence"),
        [
            ("lifetime", "1 00:00:00", "A sign-in from now on ends after 1 day. Live sessions keep their latest end."),
            ("idle_lifetime", "01:00:00", "For {live} live sessions, a use now would bring the end forward."),
            ("limit", "2", "Users with 2 live sessions or more: 1. Their next sign-in is refused."),
            ("single_session_mode", "on", "Browsers and apps with several live sessions: 0."),
            ("signing_algorithm", "ES256", "The present signing key stays. Rotate it to sign with ES256."),
            ("frontend_api", "https://a.example", "Session tokens name the issuer https://a.example from now on."),
        ],
    )
    def test_it_says_what_the_change_does_today(self, operator, workspace, rule, value, sentence):
        page = self.asked(operator, workspace, **{f"user_sessions_policy__{rule}": value})
        live = UserSession.objects.live().count()  # the operator's own may be one of them
        assert sentence.format(live=live) in page and "Nothing is saved yet." in page
        if rule not in ("signing_algorithm", "frontend_api"):
            assert f"No session ends at once. Live sessions now: {live}." in page
        assert not Event.objects.filter(type="workspace.policy_changed").exists()

    def test_sessions_without_a_latest_end_get_one(self, operator, workspace):
        UserSessionPolicy.objects.update(lifetime=None, idle_lifetime=timedelta(days=1))
        UserSession.objects.filter(user__username__in=("u1", "u2")).update(latest_expire_at=None)
        values = {"user_sessions_policy__lifetime": "01:00:00", "user_sessions_policy__idle_lifetime": ""}
        page = self.asked(operator, workspace, **values)
        assert "Live sessions without a latest end: 3." in page and "1 of them are older, so they expire" in page

    def test_it_says_what_a_change_does_to_client_sessions_and_keys(self, operator, workspace):
        Workspace.objects.update(is_sandbox=False)
        ApiKey.objects.issue_publishable(workspace, name="web", actor="test")
        rules = {"max_lifetime": "1 00:00:00", "user_identifier_key_min_length": "6", "publishable_keys_enabled": "on"}
        values = {f"client_sessions_policy__{name}": value for name, value in rules.items()}
        page = self.asked(operator, workspace, is_sandbox="", **values)
        assert "end later than 1 day from now, and keep their end: 1." in page
        assert "Live client sessions with such a key: 1." in page
        assert "publishable keys open client sessions: 1." in page

    @pytest.mark.parametrize(
        ("app", "rules", "table"),
        [
            ("user_sessions", {"idle_lifetime": "01:00:00", "limit": "1"}, "user_sessions_usersession"),
            ("user_sessions", {"signing_algorithm": "ES256", "limit_policy": "end_oldest"}, None),
            (
                "client_sessions",
                {"user_identifier_key_min_length": "6", "max_lifetime": "1 00:00:00"},
                "client_sessions_clientsession",
            ),
        ],
    )
    def test_one_bounded_query_reads_the_sessions_if_a_rule_is_about_them(self, operator, workspace, app, rules, table):
        Workspace.objects.update(is_sandbox=False)
        with CaptureQueriesContext(connection) as queries:
            values = {f"{app}_policy__{rule}": value for rule, value in rules.items()}
            self.asked(operator, workspace, is_sandbox="", **values)
        texts = [each["sql"] for each in queries]
        bounded = [sql for sql in texts if "LIMIT 10000" in sql]
        assert len(bounded) == (table is not None)
        assert all(f'FROM "{table}" WHERE "{table}"."workspace_id" =' in sql for sql in bounded)
        assert not [sql for sql in texts if sql.startswith(("INSERT", "UPDATE"))]

    def test_sessions_that_are_over_do_not_count(self, operator, workspace):
        UserSession.objects.filter(user__username="u1").revoke(actor="test")
        page = self.asked(operator, workspace, user_sessions_policy__limit="1")
        assert f"Users with 1 live sessions or more: {UserSession.objects.live().count()}." in page

    def test_the_confirmed_values_are_saved(self, operator, workspace):
        page = self.asked(operator, workspace, name="<b>", user_sessions_policy__limit="3")
        values = {name: html.unescape(value) for name, value in HIDDEN.findall(page)}
        assert operator.post(f"{LIST}{workspace.pk}/change/", values).status_code == 302
        workspace.refresh_from_db()
        assert (workspace.name, UserSessionPolicy.of(workspace).limit) == ("<b>", 3)

    def test_other_changes_and_errors_do_not_ask(self, operator, workspace):
        assert change(operator, workspace, confirmed=None, name="New").status_code == 302
        values = {"user_sessions_policy__idle_lifetime": "8 00:00:00"}
        assert "must be shorter than the lifetime" in self.asked(operator, workspace, **values)


def test_a_changed_rule_is_an_event_of_the_operator(operator, workspace):
    assert change(operator, workspace, user_sessions_policy__limit="3").status_code == 302
    event = Event.objects.get()
    assert (event.type, event.subject, event.workspace) == ("workspace.policy_changed", str(workspace.pk), workspace)
    assert event.data == {"changed": {"user_sessions.limit": "3"}}
    assert event.actor.startswith("operator:")


def test_changed_origins_and_names_are_an_event(operator, workspace):
    values = {"allowed_origins-TOTAL_FORMS": "1", "allowed_origins-0-origin": "https://app.example.com", "name": "New"}
    assert change(operator, workspace, **values).status_code == 302
    event = Event.objects.get()
    assert event.type == "workspace.changed"
    assert event.data == {"changed": {"name": "New", "allowed_origins": "https://app.example.com"}}


def test_saving_without_a_change_is_no_event(operator, workspace):
    assert change(operator, workspace).status_code == 302
    assert not Event.objects.exists()


def test_a_rule_that_contradicts_another_changes_nothing(operator, workspace):
    assert change(operator, workspace, user_sessions_policy__idle_lifetime="8 00:00:00").status_code == 200
    assert not Event.objects.exists()


def test_a_new_workspace_is_an_event(operator):
    empty = posted(operator.get(LIST + "add/"))
    assert operator.post(LIST + "add/", {**empty, "name": "Third"}).status_code == 302
    assert (Event.objects.get().type, Event.objects.get().workspace) == ("workspace.created", Workspace.objects.get())


def test_view_only_staff_change_nothing_by_forged_post(operator, workspace):
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    viewer = Client()
    viewer.force_login(user)
    address = f"{LIST}{workspace.pk}/change/"
    values = posted(operator.get(address))
    assert viewer.post(address, {**values, "name": "Mine", "user_sessions_policy-0-limit": "1"}).status_code == 403
    assert (Workspace.objects.get().name, Event.objects.get().type) == (workspace.name, "console.refused")


@pytest.fixture
def renamer(db):
    """An operator who changes workspaces, and may only view the policies."""
    user = get_user_model().objects.create_user("renamer", is_staff=True)
    seen = ["change_workspace", "view_workspace", "view_usersessionpolicy", "view_allowedorigin"]
    user.user_permissions.set(Permission.objects.filter(codename__in=seen))
    client = Client()
    client.force_login(user)
    return client


def test_an_operator_who_only_views_the_policy_records_no_change_of_it(renamer, workspace):
    policy = UserSessionPolicy.of(workspace)
    policy.save()
    changed = {"user_sessions_policy-0-limit": "3", "user_sessions_policy-0-single_session_mode": "on"}
    assert change(renamer, workspace, name="Renamed", **changed).status_code == 302
    assert list(Event.objects.values_list("type", flat=True)) == ["workspace.changed"]
    assert Event.objects.get().data["changed"] == {"name": "Renamed"}


def test_a_forged_policy_is_neither_saved_nor_recorded(renamer, workspace):
    forged = {"user_sessions_policy-TOTAL_FORMS": "1", "user_sessions_policy-INITIAL_FORMS": "0"}
    forged |= {"user_sessions_policy-0-limit": "3"}
    assert change(renamer, workspace, **forged).status_code == 302
    assert UserSessionPolicy.of(workspace).limit is None and not Event.objects.exists()
