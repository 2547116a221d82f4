"""API keys in the console: created, rolled and revoked, with the last use of each, and secrets shown once."""

import logging
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.templatetags.static import StaticNode
from django.test import Client
from django.utils import timezone, translation

from sessions_core.api_key_scopes import registered_scopes
from sessions_core.console.api_key_pages import ApiKeyAdmin
from sessions_core.crypto import tokens
from sessions_core.models import ApiKey, Event
from sessions_core.models.api_keys import LONGEST_WAIT
from tests.error_reports import error_reports

pytestmark = pytest.mark.usefixtures("unseen_operators")

KEYS = "/admin/sessions_core/apikey/"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOSTILE = "<script>alert(1)</script>"


def staff(*permissions: str) -> Client:
    """Return a browser of an operator with these permissions."""
    user = get_user_model().objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def key(workspace):
    return ApiKey.objects.issue(workspace, name="backend", actor="test")[0]


def page(key, step="change"):
    return f"{KEYS}{key.pk}/{step}/"


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def created(client, **given):
    form = {"name": "shop", "workspace": "Here", "kind": "secret", "lifetime": "", "scopes": list(registered_scopes())}
    return client.post(f"{KEYS}add/", form | given)


def secret(response):
    found = re.search(r"<textarea[^>]*>([^<]+)</textarea>", response.content.decode())
    return found[1] if found else None


# Create


def test_a_new_key_is_shown_once_and_works(admin_client, workspace):
    shown = created(admin_client)
    key = ApiKey.authenticate(secret(shown))
    assert (key.name, key.workspace, key.expires_at) == ("shop", workspace, None)
    assert "no-store" in shown["Cache-Control"]
    for path in (KEYS, page(key), page(key, "history"), page(key, "roll"), "/admin/"):
        assert secret(shown) not in admin_client.get(path).content.decode()


def test_a_new_key_is_in_no_event_log_entry_message_or_session(admin_client, workspace, caplog):
    with caplog.at_level(logging.DEBUG):
        text = secret(created(admin_client))
    stored = [*Event.objects.values_list("data", flat=True), *LogEntry.objects.values_list("change_message", flat=True)]
    assert len(stored) == 2
    assert text not in f"{stored} {dict(admin_client.session)} {caplog.text} {admin_client.cookies}"


def test_the_operator_is_recorded_by_us_and_by_django(admin_client, admin_user, workspace):
    created(admin_client)
    key, entry = ApiKey.objects.get(), LogEntry.objects.get()
    event = Event.objects.get(type="api_key.created")
    assert (event.actor, entry.user, entry.object_id) == (f"operator:{admin_user.pk}", admin_user, str(key.pk))
    assert f"operator:{admin_user.pk}" in words(admin_client.get(page(key)))


def test_a_key_may_end_by_itself(admin_client, workspace):
    created(admin_client, lifetime="30")
    left = ApiKey.objects.get().expires_at - timezone.now()
    assert timedelta(0) < 30 * DAY - left < HOUR


def test_a_publishable_key_stays_readable(admin_client, workspace):
    text = secret(created(admin_client, kind="publishable"))
    key = ApiKey.authenticate_publishable(text)
    assert text in admin_client.get(page(key)).content.decode()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workspace": "nowhere"}, "No workspace has this name or ID."),
        ({"workspace": "\x00"}, "Null characters are not allowed."),
        ({"name": "\x00"}, "Null characters are not allowed."),
        ({"name": "x" * 201}, "Ensure this value has at most 200 characters"),
        ({"kind": "root"}, "Select a valid choice."),
        ({"lifetime": "-1"}, "Select a valid choice."),
    ],
)
def test_an_unusable_form_creates_nothing_and_says_why(admin_client, workspace, given, message):
    assert message in words(created(admin_client, **given))
    assert not ApiKey.objects.exists()


def test_a_name_of_several_workspaces_is_not_guessed(admin_client, workspace, elsewhere):
    type(workspace).objects.update(name="Here")
    assert "Several workspaces have this name" in words(created(admin_client))
    assert ApiKey.authenticate(secret(created(admin_client, workspace=str(elsewhere.pk)))).workspace == elsewhere


def test_the_form_starts_with_the_only_workspace_or_the_filtered_one(admin_client, workspace, request):
    form = f"{KEYS}add/"
    assert 'value="Here"' in admin_client.get(form).content.decode()
    elsewhere = request.getfixturevalue("elsewhere")
    assert 'value="Here"' not in admin_client.get(form).content.decode()
    filtered = admin_client.get(f"{form}?_changelist_filters=workspace__id__exact%3D{elsewhere.pk}")
    assert f'value="{elsewhere.pk}"' in filtered.content.decode()


# Roll


def test_a_roll_shows_the_successor_once_and_the_date_of_the_end(admin_client, key):
    question = words(admin_client.get(page(key, "roll")))
    assert "for another 24 hours, until 20" in question and "The last use of the old key: not used yet." in question
    shown = admin_client.post(page(key, "roll"), {"overlap": "day", "reason": "found in a log"})
    successor = ApiKey.authenticate(secret(shown))
    key.refresh_from_db()
    assert key.successor == successor and "no-store" in shown["Cache-Control"]
    assert f"works until {timezone.localtime(key.expires_at):%Y-%m-%d %H:%M:%S}" in words(shown)
    assert Event.objects.get(type="api_key.rolled").data["reason"] == "found in a log"


def test_an_overlap_may_begin_with_the_first_use(admin_client, key):
    shown = words(admin_client.post(page(key, "roll"), {"overlap": "first_use"}))
    key.refresh_from_db()
    assert (key.overlap, key.expires_at > timezone.now() + LONGEST_WAIT) == (DAY, True)
    assert "for 24 hours after the first use of this key" in shown


def test_during_the_overlap_the_page_says_who_still_uses_the_old_key(admin_client, key):
    successor, _ = key.roll(overlap=DAY, actor="test")
    assert "Requests since it was rolled: none counted yet" in words(admin_client.get(page(key)))
    used_at = timezone.now() - 3 * HOUR
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=used_at, uses_since_roll=1204)
    number = re.escape(f"1,204, counted until {used_at:%Y-%m-%d %H:%M:%S} +0000")
    for shown in (key, successor):
        assert re.search(f"equests since (it was rolled|the roll): {number}", words(admin_client.get(page(shown))))
    assert "Requests since it was rolled: -" in words(admin_client.get(page(successor)))
    assert re.search(r"Last used: 3 hours ago", words(admin_client.get(page(key))))
    assert re.search(rf"{key.short}…\) .*Ends in .*last use: 3 hours ago", words(admin_client.get(page(successor))))
    assert re.search(rf"{successor.short}…\) .*Works , last use: not used yet", words(admin_client.get(page(key))))


def test_a_second_roll_shows_no_second_key(admin_client, key):
    for _ in range(2):
        answer = admin_client.post(page(key, "roll"), {"overlap": "day"}, follow=True)
    assert secret(answer) is None and "has a successor already" in words(answer)
    assert ApiKey.objects.count() == 2
    assert f"{page(key, 'roll')}" not in admin_client.get(page(key)).content.decode()


@pytest.mark.parametrize("given", [{}, {"overlap": "never"}, {"overlap": "day", "reason": "x" * 201}])
def test_an_unusable_overlap_or_reason_rolls_nothing(admin_client, key, given):
    assert admin_client.post(page(key, "roll"), given).status_code == 200
    assert ApiKey.objects.get().expires_at is None


# Revoke


def test_revoking_a_key_in_use_says_so_first(admin_client, key):
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() - 2 * HOUR)
    question = words(admin_client.get(page(key, "act/revoke")))
    assert "is in use. Its last use: 2 hours ago . The next request with it is refused." in question
    admin_client.post(page(key, "act/revoke"), {"confirmed": "yes", "reason": "leaked"})
    assert Event.objects.get(type="api_key.revoked").data == {"reason": "leaked"}
    assert "Revoked" in words(admin_client.get(KEYS))


def test_an_unused_key_is_said_to_be_unused(admin_client, key):
    assert "Its last use: not used yet." in words(admin_client.get(page(key, "act/revoke")))


def test_a_revoked_key_has_no_buttons(admin_client, key):
    key.revoke(actor="test")
    shown = admin_client.get(page(key)).content.decode()
    assert "act/revoke" not in shown and page(key, "roll") not in shown


# The list


@pytest.fixture
def keys(workspace):
    """Return a key in each state, by the state."""
    now, given = timezone.now(), {"actor": "test"}
    keys = {name: ApiKey.objects.issue(workspace, name=name, **given)[0] for name in STATES}
    keys["rolled"].roll(overlap=DAY, at=now, **given)
    keys["expired"].roll(overlap=HOUR, at=now - DAY, **given)
    keys["revoked"].revoke(**given)
    return keys


STATES = ("usable", "rolled", "expired", "revoked")


@pytest.mark.parametrize("state", STATES)
def test_the_list_filters_by_what_holds_now(admin_client, keys, state):
    rows = admin_client.get(KEYS, {"state": state}).context["cl"].result_list
    found = {key.name for key in rows if key in keys.values()}
    assert found == ({"usable", "rolled"} if state == "usable" else {state})


def test_the_list_says_the_state_and_the_last_use_of_each_key(admin_client, keys):
    ApiKey.objects.filter(pk=keys["usable"].pk).update(last_used_at=timezone.now() - 5 * HOUR)
    shown = words(admin_client.get(KEYS))
    for state in ("Works", "Ends in", "Expired", "Revoked", "5 hours ago", "not used yet"):
        assert state in shown


def test_a_hostile_name_is_escaped_on_every_page(admin_client, workspace):
    key = ApiKey.objects.issue(workspace, name=HOSTILE, actor="test")[0]
    key.roll(overlap=DAY, actor=HOSTILE)
    for path in (KEYS, page(key), page(key.successor), page(key.successor, "roll"), page(key, "act/revoke")):
        assert HOSTILE not in admin_client.get(path).content.decode()
    assert HOSTILE not in created(admin_client, name=HOSTILE).content.decode()


@pytest.mark.parametrize("rows", [1, 20])
def test_the_pages_have_a_fixed_number_of_queries(admin_client, workspace, rows, django_assert_num_queries):
    keys = [ApiKey.objects.issue(workspace, name=f"{n}", actor="test")[0] for n in range(rows)]
    keys[0].roll(overlap=DAY, actor="test")
    for path in (KEYS, page(keys[0])):  # Django keeps the types of models once it has read them
        admin_client.get(path)
    with django_assert_num_queries(QUERIES["list"]):
        admin_client.get(KEYS)
    with django_assert_num_queries(QUERIES["page"]):
        admin_client.get(page(keys[0]))


QUERIES = {"list": 5, "page": 9}


@pytest.mark.parametrize("language", ["de", "fr"])
def test_the_pages_speak_the_language_of_the_operator(admin_client, key, language):
    with translation.override(language):
        headers = {"accept-language": language}
        for path in (f"{KEYS}add/", page(key, "roll"), page(key)):
            assert not re.search(r"until you revoke|last use|Reason", words(admin_client.get(path, headers=headers)))


# Permissions


@pytest.mark.parametrize("permissions", [["view_apikey"], ["view_apikey", "add_apikey", "change_apikey"]])
def test_an_operator_without_the_permission_can_forge_nothing(key, permissions):
    looker = staff(*permissions)
    for path, given in (
        (f"{KEYS}add/", {"name": "x", "workspace": "Here", "kind": "secret"}),
        (page(key, "roll"), {"overlap": "day"}),
        (page(key, "act/revoke"), {"confirmed": "yes"}),
        (KEYS, {"action": "revoke", "_selected_action": [str(key.pk)], "confirmed": "yes"}),
    ):
        assert looker.post(path, given).status_code == 403
    assert (ApiKey.objects.get().revoked_at, ApiKey.objects.get().successor) == (None, None)
    refused = Event.objects.filter(type="console.refused").order_by("pk")
    wanted = ["create", "roll", "revoke", "revoke"]
    assert [event.data["permission"] for event in refused] == [f"sessions_core.{verb}_apikey" for verb in wanted]
    assert "act/revoke" not in looker.get(page(key)).content.decode()


@pytest.mark.parametrize(
    ("permission", "step", "given", "type"),
    [
        ("roll", "roll", {"overlap": "day"}, "api_key.rolled"),
        ("revoke", "act/revoke", {"confirmed": "yes"}, "api_key.revoked"),
    ],
)
def test_each_permission_allows_its_own_step_only(key, permission, step, given, type):
    operator = staff("view_apikey", f"{permission}_apikey")
    for other in {"roll", "act/revoke"} - {step}:
        assert operator.get(page(key, other)).status_code == 403
    assert operator.post(page(key, step), given).status_code in (200, 302)
    assert Event.objects.filter(type=type).exists()


def test_reading_a_refused_page_is_no_event(key):
    looker = staff("view_apikey")
    assert looker.get(page(key, "roll")).status_code == 403
    assert not Event.objects.filter(type="console.refused").exists()


def test_an_anonymous_visitor_is_asked_to_sign_in(key):
    for step in ("roll", "act/revoke"):
        assert Client().post(page(key, step)).status_code == 302


def test_another_site_cannot_send_the_forms(admin_user, key):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(admin_user)
    assert created(forged).status_code == forged.post(page(key, "roll"), {"overlap": "day"}).status_code == 403
    assert ApiKey.objects.count() == 1


def test_a_leaked_key_is_rolled_in_four_clicks(admin_client, key):
    """Count from the home page as the reference does. The page of the key shows its last use."""
    here, clicks = "/admin/", 0
    for link in (KEYS, page(key), page(key, "roll")):
        assert f'href="{link}"' in admin_client.get(here).content.decode()
        here, clicks = link, clicks + 1
    form = admin_client.get(here).content.decode()
    assert "checked" in form.partition('value="day"')[2][:40]
    assert secret(admin_client.post(here, {"overlap": "day"}))
    assert clicks + 1 == 4


@pytest.mark.parametrize("broken", [(ApiKeyAdmin, "_page"), (ApiKeyAdmin, "url_of"), (StaticNode, "render")])
def test_no_error_report_has_an_api_key(admin_client, workspace, monkeypatch, broken):
    made = []
    make = tokens.new_api_key
    monkeypatch.setattr(tokens, "new_api_key", lambda **given: made.append(make(**given)) or made[-1])
    key, _text = ApiKey.objects.issue(workspace, name="n", actor="test")
    with error_reports(admin_client, monkeypatch, broken) as reports:
        admin_client.post(f"/admin/sessions_core/apikey/{key.pk}/roll/", {"overlap": "day"})
    assert made and len(reports) == 1
    assert made[-1] not in reports[0]


def test_a_key_that_the_page_hides_is_not_rolled(admin_client, workspace, monkeypatch):
    key, _text = ApiKey.objects.issue(workspace, name="n", actor="test")
    monkeypatch.setattr(ApiKeyAdmin, "get_queryset", lambda page, request: ApiKey.objects.none())
    assert admin_client.post(f"/admin/sessions_core/apikey/{key.pk}/roll/", {"overlap": "day"}).status_code == 404
