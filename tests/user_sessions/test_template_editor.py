"""The JWT template editor of the console: errors by line, preview, versions, permissions."""

import json
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import escape

from sessions_core.models import Event
from tests.error_reports import error_reports
from user_sessions.console.template_forms import LONGEST_CLAIMS
from user_sessions.console.template_pages import JwtTemplateAdmin
from user_sessions.models import Definition, JwtTemplate, JwtTemplateVersion, UserSession

pytestmark = pytest.mark.usefixtures("unseen_operators")

LIST = "/admin/user_sessions/jwttemplate/"
ADD = LIST + "add/"
SECRET = "not-for-any-page-" * 3
HOSTILE = "</textarea><script>alert(1)</script>"


def staff(name, *codenames):
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(db):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def viewer(db):
    return staff("viewer", "view_jwttemplate", "view_usersession")


@pytest.fixture
def template(workspace):
    return JwtTemplate.objects.define(workspace, Definition(name="t", claims={"a": 1}), actor="test")


def page_of(template, rest="change/"):
    return f"{LIST}{quote(template.pk)}/{rest}"


def body(claims='{"a": 1}', **values):
    times = {"name": "t", "lifetime": "60", "allowed_clock_skew": "5"}
    return {**times, "claims": claims, "signing_algorithm": "", "signing_key": "", "latest": "1", **values}


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


class TestSaving:
    def test_a_template_is_created_by_the_operator(self, operator, workspace):
        response = operator.post(ADD, body('{\n "b": "{{user.id}}",\n "a": 1\n}', workspace=workspace.name))
        template = JwtTemplate.objects.get()
        assert response["Location"] == page_of(template)
        assert (template.workspace, template.claims) == (workspace, '{"b": "{{user.id}}", "a": 1}')
        assert Event.objects.get().actor.startswith("operator:")
        assert LogEntry.objects.get().object_id == template.pk

    def test_a_template_is_changed(self, operator, template):
        operator.post(page_of(template), body('{"a": 2}', name="other", lifetime="300"))
        template.refresh_from_db()
        assert (template.name, template.claims, template.lifetime) == ("other", '{"a": 2}', 300)

    def test_the_claims_of_session_tokens_are_set(self, operator, workspace):
        operator.post(ADD, {"workspace": str(workspace.pk), "is_for_session_tokens": "on", "claims": '{"shop": 1}'})
        template = JwtTemplate.objects.get()
        assert template.is_for_session_tokens
        operator.post(page_of(template), {"claims": '{"shop": 2}', "latest": "1"})
        template.refresh_from_db()
        assert template.claims == '{"shop": 2}'

    def test_a_key_is_stored_and_never_shown(self, operator, template, session):
        values = body(signing_algorithm="HS256", signing_key=SECRET, session=session.pk)
        shown = text_of(operator.post(page_of(template), {**values, "_preview": "x"}))
        assert "&quot;a&quot;: 1" in shown
        assert operator.post(page_of(template), values).status_code == 302
        template.refresh_from_db()
        assert template.own_key() == SECRET.encode()
        pages = [text_of(operator.get(page_of(template, rest))) for rest in ("change/", "versions/", "history/")]
        assert not any(SECRET in page for page in [shown, *pages])
        assert operator.post(page_of(template), body(signing_algorithm="HS256", latest="2")).status_code == 302
        assert JwtTemplate.objects.get().own_key() == SECRET.encode()

    def test_an_older_editor_does_not_overwrite_a_newer_change(self, operator, template):
        template.redefine(Definition(name="t", claims={"a": 5}), actor="test")
        for seen in ("1", ""):
            page = text_of(operator.post(page_of(template), body(latest=seen)))
            assert "Another change was saved meanwhile" in page
        assert JwtTemplate.objects.get().claims == '{"a": 5}'

    def test_a_second_template_for_session_tokens_is_an_error(self, operator, workspace):
        JwtTemplate.objects.customise_session_tokens(workspace, {"role": "a"}, actor="test")
        values = {"workspace": "Here", "is_for_session_tokens": "on", "claims": '{"role": "admin"}'}
        for client in (operator, staff("adder", "add_jwttemplate")):
            assert "The workspace has a template for session tokens already." in text_of(client.post(ADD, values))
        assert JwtTemplate.objects.get().claims == '{"role": "a"}'

    def test_a_name_that_is_taken_is_an_error_of_the_name(self, operator, template, workspace):
        page = text_of(operator.post(ADD, body(workspace=str(workspace.pk))))
        assert "The workspace has another template of this name." in page

    def test_a_template_is_deleted_with_an_event(self, operator, template):
        operator.post(page_of(template, "delete/"), {"post": "yes"})
        assert Event.objects.first().type == "jwt_template.deleted"
        assert not JwtTemplate.objects.exists()

    def test_the_template_for_session_tokens_stays(self, operator, workspace):
        template = JwtTemplate.objects.customise_session_tokens(workspace, {}, actor="test")
        assert operator.post(page_of(template, "delete/"), {"post": "yes"}).status_code == 403
        selected = {"action": "delete_selected", "_selected_action": template.pk, "post": "yes"}
        operator.post(LIST, selected)
        assert JwtTemplate.objects.exists()


class TestProblems:
    @pytest.mark.parametrize(
        ("claims", "problem"),
        [
            ('{\n  "a": 1,\n}', "Line 2, column 9: No comma may follow the last item"),
            ('{"a": [1, ]}', "Line 1, column 9: No comma may follow the last item"),
            ("{\n  a: 1\n}", "Line 2, column 3: A name in double quotes is missing"),
            ('{\n  "a" 1\n}', "Line 2, column 7: A colon is missing"),
            ('{\n  "a": 1\n  "b": 2\n}', "Line 3, column 3: A comma is missing"),
            ('{\n  "a": user\n}', "Line 2, column 8: A value is missing"),
            ('{\n  "a": 1,\n  "a": 2\n}', "Line 3: This name occurs twice"),
            ('{\n  "a": 1,\n  "SUB": "x"\n}', "Line 3: Only the server sets this claim"),
            ('{\n  "b": 1,\n  "aud": 5\n}', "Line 3: The audience must be a text"),
            ('{\n  "a": NaN\n}', "Line 2: NaN and Infinity are not JSON"),
            ("[]", "Line 1: The claims must be an object"),
            ('{"a": 1e999}', "A value cannot be stored as JSON"),
            ('{"a": "\\ud800"}', "A value cannot be stored as JSON"),
            ('{\n"a":' + "[" * 20 + "]" * 20 + "}", "Line 2: The claims are nested too deeply"),
            ('{"a": ' + "[" * 30_000 + "]" * 30_000 + "}", "The claims are nested too deeply"),
            ('{"a": ' + "9" * 5000 + "}", "A number is too large"),
            ('{"a": "' + "{{user.id}}" * 300 + '"}', "The claims contain too many shortcodes"),
            ('{"a": "' + "x" * 20_000 + '"}', "The claims are too large"),
        ],
    )
    @pytest.mark.parametrize("button", ["_save", "_preview"])
    def test_an_error_names_its_line_and_nothing_is_saved(self, operator, template, claims, problem, button):
        page = text_of(operator.post(page_of(template), {**body(claims), button: "x"}))
        assert problem in page
        assert JwtTemplate.objects.get().claims == '{"a": 1}'

    def test_a_finding_names_its_line_and_links_to_it(self, operator, template):
        claims = '{\n  "a": 1,\n  "b": {\n    "c": "{{user.emial}}"\n  }\n}'
        page = text_of(operator.post(page_of(template), {**body(claims), "_preview": "x"}))
        assert '<a href="#line-4">Line 4: The shortcode does not exist. Its value is null.</a>' in page
        assert '<li id="line-4" class="problem">' in page

    def test_a_template_of_64_kib_in_the_editor_is_saved_if_its_json_fits(self, operator, template):
        spaced = '{"a":' + " " * (LONGEST_CLAIMS - 10) + '"b"}'
        assert operator.post(page_of(template), body(spaced)).status_code == 302
        assert JwtTemplate.objects.get().claims == '{"a": "b"}'

    def test_a_longer_template_is_refused_with_an_error(self, operator, template):
        page = text_of(operator.post(page_of(template), body('{"a": "' + "x" * LONGEST_CLAIMS + '"}')))
        assert "at most 65536 characters" in page

    @pytest.mark.parametrize(
        ("values", "problem"),
        [
            ({"name": "a/b"}, "Use printable text"),
            ({"name": "__session_token"}, "Use printable text"),
            ({"lifetime": "29"}, "greater than or equal to 30"),
            ({"allowed_clock_skew": "301"}, "less than or equal to 300"),
            ({"signing_algorithm": "HS256"}, "Enter the key for this algorithm."),
            ({"signing_algorithm": "HS256", "signing_key": "short"}, "The key cannot be used."),
            ({"signing_key": SECRET}, "Choose the algorithm of the key."),
            ({"signing_algorithm": "none"}, "none is not one of the available choices"),
            ({"name": "\0"}, "Null characters are not allowed"),
        ],
    )
    def test_an_invalid_value_is_an_error_of_its_field(self, operator, template, values, problem):
        assert problem in text_of(operator.post(page_of(template), body(**values)))
        assert JwtTemplate.objects.get().name == "t"

    @pytest.mark.parametrize("given", ["", "nothing", "\0", "sess_1"])
    def test_an_unknown_workspace_is_an_error(self, operator, workspace, given):
        assert "errorlist" in text_of(operator.post(ADD, body(workspace=given)))
        assert not JwtTemplate.objects.exists()


class TestPreview:
    def test_it_shows_the_claims_of_the_chosen_session_and_saves_nothing(self, operator, template, session):
        values = body('{"who": "{{user.first_name}}"}', session=session.pk, _preview="x")
        page = text_of(operator.post(page_of(template), values))
        assert "&quot;who&quot;: &quot;Maria&quot;" in page
        assert re.search(rf"A token of the session {session.pk} would have these claims now, and \d+ bytes", page)
        assert JwtTemplate.objects.get().claims == '{"a": 1}'
        assert "eyJ" not in page

    def test_without_a_choice_it_is_the_newest_live_session(self, operator, template, session, u1, workspace):
        UserSession.objects.start(workspace, u1, actor="test").revoke(actor="test")
        page = text_of(operator.post(page_of(template), {**body(), "_preview": "x"}))
        assert f"A token of the session {session.pk}" in page
        assert f'<option value="{session.pk}">' in page

    def test_a_new_template_and_session_tokens_are_previewed(self, operator, workspace, session):
        values = body('{"who": "{{user.first_name}}"}', workspace=str(workspace.pk), _preview="x")
        assert "&quot;Maria&quot;" in text_of(operator.post(ADD, values))
        page = text_of(operator.post(ADD, {**values, "is_for_session_tokens": "on"}))
        assert "&quot;sid&quot;" in page
        assert "&quot;Maria&quot;" in page

    @pytest.mark.parametrize("given", ["sess_none", "\0", "x" * 61])
    def test_a_session_that_is_not_live_here_is_an_error(self, operator, template, session, elsewhere, u1, given):
        foreign = UserSession.objects.start(elsewhere, u1, actor="test")
        for wanted in (given, foreign.pk):
            page = text_of(operator.post(page_of(template), body(session=wanted, _preview="x")))
            assert "errorlist" in page
            assert 'id="preview-title"' not in page

    def test_it_needs_the_permission_to_view_user_sessions(self, template, session):
        editor = staff("editor", "change_jwttemplate")
        page = text_of(editor.post(page_of(template), body(session=session.pk, _preview="x")))
        assert "A preview needs the permission to view user sessions." in page
        assert session.pk not in text_of(editor.get(page_of(template)))
        assert editor.post(page_of(template), body('{"a": 3}')).status_code == 302

    def test_output_that_is_too_large_is_an_error(self, operator, template, session, u1):
        get_user_model().objects.update(first_name="x" * 150, last_name="y" * 150)
        claims = json.dumps({"a": "{{user.full_name}}" * 250})
        page = text_of(operator.post(page_of(template), body(claims, session=session.pk, _preview="x")))
        assert "The claims of this session would be larger than 64 KiB." in page


class TestVersions:
    @pytest.fixture
    def changed(self, template):
        template.redefine(Definition(name="u", claims={"a": 2, "b": 1}, lifetime=300), actor="operator:7")
        return template

    def test_the_page_says_who_changed_what_and_when(self, operator, changed):
        page = text_of(operator.get(page_of(changed, "versions/")))
        for sentence in (
            "The name changed from t to u.",
            "The lifetime changed from 60 to 300 seconds.",
            "Added claims: b.",
            "Changed claims: a.",
            "The template was created.",
            "operator:7",
        ):
            assert sentence in page
        assert "<ins>+   &quot;b&quot;: 1</ins>" in page
        assert "<del>-   &quot;a&quot;: 1</del>" in page

    def test_any_two_versions_are_compared(self, operator, changed):
        page = text_of(operator.get(page_of(changed, "versions/?from=2&to=1")))
        assert "From version 2 to version 1" in page
        assert "Removed claims: b." in page

    @pytest.mark.parametrize("query", ["?from=9&to=9", "?from=x", "?to=-1", "?from=1&to=1"])
    def test_an_unknown_version_in_the_address_is_ignored(self, operator, changed, query):
        assert operator.get(page_of(changed, "versions/") + query).status_code == 200

    def test_going_back_makes_a_new_version(self, operator, changed):
        operator.post(page_of(changed, "versions/1/restore/"))
        changed.refresh_from_db()
        assert (changed.name, changed.claims, changed.lifetime) == ("t", '{"a": 1}', 60)
        page = text_of(operator.get(page_of(changed, "versions/")))
        assert "Version 1 was restored." in page
        assert LogEntry.objects.get().get_change_message().startswith("jwt_template.updated (event ")

    def test_going_back_to_a_name_that_is_taken_changes_nothing(self, operator, changed, workspace):
        JwtTemplate.objects.define(workspace, Definition(name="t", claims={}), actor="test")
        response = operator.post(page_of(changed, "versions/1/restore/"), follow=True)
        assert "The workspace has another template of this name." in text_of(response)
        assert JwtTemplateVersion.objects.filter(template=changed).count() == 2

    def test_only_a_post_goes_back(self, operator, changed):
        assert operator.get(page_of(changed, "versions/1/restore/")).status_code == 405
        assert operator.post(page_of(changed, "versions/9/restore/")).status_code == 404


class TestPermissions:
    def test_view_only_staff_see_the_template_and_its_versions(self, viewer, template):
        page = text_of(viewer.get(page_of(template)))
        assert 'name="_save"' not in page
        assert "Compare versions" in page
        assert "Go back" not in text_of(viewer.get(page_of(template, "versions/")))

    def test_view_only_staff_change_nothing_by_forged_post(self, viewer, template, workspace):
        template.redefine(Definition(name="t", claims={}), actor="test")
        before = JwtTemplateVersion.objects.count()
        values = body('{"a": 9}', workspace=str(workspace.pk))
        addresses = [ADD, *(page_of(template, rest) for rest in ("change/", "versions/1/restore/", "delete/"))]
        for address in addresses:
            assert viewer.post(address, {**values, "post": "yes"}).status_code == 403
            assert viewer.post(address, {**values, "_preview": "x"}).status_code == 403
        assert JwtTemplateVersion.objects.count() == before
        refused = Event.objects.filter(type="console.refused")
        assert refused.count() == 2 * len(addresses)
        assert set(refused.values_list("actor", flat=True)) == {f"operator:{get_user_model().objects.get().pk}"}

    def test_other_staff_see_nothing(self, template):
        stranger = staff("stranger")
        for rest in ("change/", "versions/"):
            assert stranger.get(page_of(template, rest)).status_code == 403

    def test_staff_who_may_change_templates_compare_versions(self, template):
        editor = staff("editor", "change_jwttemplate")
        assert page_of(template, "versions/") in text_of(editor.get(page_of(template)))
        assert "The template was created." in text_of(editor.get(page_of(template, "versions/")))

    def test_a_template_that_the_page_hides_is_not_found(self, operator, template, monkeypatch):
        monkeypatch.setattr(JwtTemplateAdmin, "get_queryset", lambda page, request: JwtTemplate.objects.none())
        assert operator.get(page_of(template, "versions/")).status_code == 404
        for rest in ("change/", "versions/1/restore/"):
            assert operator.post(page_of(template, rest), body()).status_code == 404

    def test_a_template_that_does_not_exist_is_not_found(self, operator, template):
        for address in (f"{LIST}none/change/", f"{LIST}none/versions/"):
            assert operator.get(address).status_code == 404


def test_hostile_names_and_claims_are_escaped(operator, template, session):
    get_user_model().objects.update(first_name=HOSTILE)
    hostile = Definition(
        name="<script>alert(1)<script>", claims={HOSTILE: "{{" + HOSTILE, "who": "{{user.first_name}}"}
    )
    template.redefine(hostile, actor="operator:<script>")
    template.redefine(Definition(name="<b>", claims={"x": HOSTILE}), actor="test")
    claims = json.dumps({HOSTILE: "{{user.first_name}}", "who": "{{x}} " + HOSTILE})
    values = body(claims, name="<script>x", session=session.pk)
    pages = [
        operator.get(LIST),
        operator.get(page_of(template)),
        operator.get(page_of(template, "versions/")),
        operator.post(page_of(template), {**values, "_preview": "x"}),
        operator.post(page_of(template), {**values, "claims": claims + "x"}),
    ]
    for page in map(text_of, pages):
        assert "<script>alert" not in page
    assert escape(HOSTILE) in text_of(pages[3])


def test_no_page_needs_inline_script_or_style(operator, template, session):
    for page in ("change/", "versions/"):
        assert not re.search(
            r"<script(?![^>]* src=)|<style| style=| on\w+=", text_of(operator.get(page_of(template, page)))
        )


def test_the_pages_cost_a_fixed_number_of_queries(operator, template, session, workspace, u1, statements):
    def counted():
        numbers = []
        for ask in (
            lambda: operator.get(page_of(template)),
            lambda: operator.post(page_of(template), {**body(), "_preview": "x"}),
            lambda: operator.get(page_of(template, "versions/")),
        ):
            with statements() as made:
                assert ask().status_code == 200
            numbers.append(len(made))
        return numbers

    counted()  # the first preview creates the signing key of the workspace
    first = counted()
    for value in range(5):
        template.redefine(Definition(name="t", claims={"a": value + 10}), actor="test")
        UserSession.objects.start(workspace, u1, actor="test")
    assert counted() == first
    assert first == [5, 7, 4]


@pytest.mark.parametrize(
    "broken", [(JwtTemplateAdmin, "_stored"), (JwtTemplate, "_apply_key"), (JwtTemplateAdmin, "_editor")]
)
def test_no_error_report_has_the_signing_key(operator, template, monkeypatch, broken):
    values = body(signing_algorithm="HS256", signing_key=SECRET, **({"name": ""} if broken[1] == "_editor" else {}))
    with error_reports(operator, monkeypatch, broken) as reports:
        operator.post(page_of(template), values)
    assert len(reports) == 1
    assert SECRET not in reports[0]
