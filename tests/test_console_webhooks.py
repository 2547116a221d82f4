"""Webhooks in the console: add, change, test, replace the secret, recover; and what was delivered."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.templatetags.static import StaticNode
from django.test import Client
from django.utils import timezone

from sessions_core.console.webhook_pages import WebhookEndpointAdmin
from sessions_core.crypto import tokens
from sessions_core.models import Event, WebhookEndpoint, WebhookMessage
from sessions_core.webhooks.messages import RETRIES_AFTER
from tests.error_reports import error_reports
from user_sessions.models import UserSession

LIST = "/admin/sessions_core/webhookendpoint/"
MESSAGES = "/admin/sessions_core/webhookmessage/"
URL = "https://hooks.example.com/a"
HOSTILE = '"><script>alert(1)</script>'
NOW = timezone.now()


@pytest.fixture
def operator(db):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def viewer(db):
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_webhook"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def endpoint(workspace):
    return WebhookEndpoint.objects.add(workspace, URL, actor="test", description="ours")[0]


@pytest.fixture
def dead(workspace, endpoint):
    """Return a message whose last attempt failed an hour ago."""
    user = get_user_model().objects.create_user("maria")
    UserSession.objects.start(workspace, user, actor="test")
    WebhookMessage.objects.update(attempts=len(RETRIES_AFTER))
    message = WebhookMessage.objects.get()
    message.fail("503", at=NOW - timedelta(hours=1), took=timedelta(milliseconds=42))
    message.refresh_from_db()
    return message


def page_of(endpoint, rest="change"):
    return f"{LIST}{endpoint.pk}/{rest}/"


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def newest():
    return Event.objects.first()


class TestAdding:
    def test_the_secret_is_shown_once(self, operator, workspace):
        page = text_of(operator.post(LIST + "add/", {"workspace": "Here", "url": URL, "description": "ours"}))
        endpoint = WebhookEndpoint.objects.get()
        (secret,) = endpoint.secrets(at=timezone.now())
        assert page.count(secret) == 1
        assert (endpoint.workspace, endpoint.description) == (workspace, "ours")
        assert newest().actor.startswith("operator:")
        for address in (LIST, page_of(endpoint), page_of(endpoint, "history"), page_of(endpoint, "rotate")):
            assert "whsec_" not in text_of(operator.get(address))

    def test_the_page_with_the_secret_is_not_cached(self, operator, workspace):
        response = operator.post(LIST + "add/", {"workspace": "Here", "url": URL})
        assert "no-store" in response["Cache-Control"]

    @pytest.mark.parametrize(
        "values",
        [
            {"url": "http://hooks.example.com/"},
            {"url": "https://127.0.0.1/"},
            {"url": "x"},
            {"url": ""},
            {"url": URL + "\0"},
            {"url": URL + "x" * 2000},
            {"description": "x" * 201},
            {"workspace": "None of this name"},
        ],
    )
    def test_an_invalid_value_is_an_error_and_adds_nothing(self, operator, workspace, values):
        given = {"workspace": "Here", "url": URL, **values}
        assert "errorlist" in text_of(operator.post(LIST + "add/", given))
        assert not WebhookEndpoint.objects.exists()


class TestChanging:
    def test_the_url_and_the_description_are_changed(self, operator, endpoint):
        operator.post(page_of(endpoint, "edit"), {"url": URL + "b", "description": ""})
        endpoint.refresh_from_db()
        assert (endpoint.url, endpoint.description) == (URL + "b", "")
        assert (newest().type, newest().data) == ("webhook_endpoint.changed", {"changed": ["url", "description"]})
        assert LogEntry.objects.get().get_change_message().startswith("webhook_endpoint.changed (event ")

    def test_the_secret_is_replaced_with_an_overlap_and_shown_once(self, operator, endpoint):
        (before,) = endpoint.secrets(at=timezone.now())
        assert "and with the present one too until" in text_of(operator.get(page_of(endpoint, "rotate")))
        page = text_of(operator.post(page_of(endpoint, "rotate")))
        endpoint.refresh_from_db()
        after, still = endpoint.secrets(at=timezone.now())
        assert still == before
        assert after in page
        assert before not in page
        assert "A secret from an earlier replacement" in text_of(operator.get(page_of(endpoint, "rotate")))

    def test_it_is_disabled_with_a_reason_and_enabled(self, operator, endpoint):
        page = text_of(operator.get(page_of(endpoint, "act/disable")))
        assert "Events that happen meanwhile are never sent." in page
        operator.post(page_of(endpoint, "act/disable"), {"confirmed": "yes", "reason": "it is down"})
        assert newest().data == {"reason": "it is down"}
        shown = text_of(operator.get(page_of(endpoint)))
        assert "Enable" in shown
        assert "Send a test message" not in shown
        operator.post(page_of(endpoint, "act/enable"), {"confirmed": "yes"})
        assert newest().type == "webhook_endpoint.enabled"


class TestDeliveries:
    def test_a_test_message_waits_for_the_worker(self, operator, endpoint):
        operator.post(page_of(endpoint, "act/send_test"), {"confirmed": "yes"})
        message = WebhookMessage.objects.get()
        assert (message.type, message.endpoint) == ("webhook.test", endpoint)
        assert message.pk in text_of(operator.get(page_of(endpoint)))

    def test_the_page_of_an_endpoint_shows_responses_and_times(self, operator, endpoint, dead):
        page = text_of(operator.get(page_of(endpoint)))
        assert "503 (42 ms)" in page
        assert dead.attempted_at.strftime("%Y-%m-%dT%H:%M") in page
        assert f"{MESSAGES}?endpoint__id__exact={endpoint.pk}" in page
        assert dead.pk in text_of(operator.get(f"{MESSAGES}?endpoint__id__exact={endpoint.pk}"))

    def test_the_page_of_a_message_has_no_body(self, operator, dead):
        page = text_of(operator.get(f"{MESSAGES}{dead.pk.replace('_', '_5F')}/change/"))
        assert "maria" not in page
        assert "42" in page

    def test_the_page_of_a_message_shows_its_newest_ten_attempts(self, operator, dead):
        for n in range(11):
            dead.refresh_from_db()
            dead.fail(HOSTILE if n == 5 else f"5{n:02}", at=NOW + timedelta(minutes=n), took=timedelta(milliseconds=n))
        dead.refresh_from_db()
        assert [each["took"] for each in dead.recent_attempts] == [*range(1, 11)]
        page = text_of(operator.get(f"{MESSAGES}{dead.pk.replace('_', '_5F')}/change/"))
        assert page.index("510 (10 ms)") < page.index("504 (4 ms)") and HOSTILE not in page
        assert f"{NOW + timedelta(minutes=4):%Y-%m-%d %H:%M:%S} +0000" in page

    def test_one_message_is_sent_again(self, operator, dead):
        operator.post(f"{MESSAGES}{dead.pk.replace('_', '_5F')}/act/send_again/", {"confirmed": "yes"})
        dead.refresh_from_db()
        assert (dead.dead_at, dead.attempts) == (None, 0)
        assert newest().type == "webhook_message.sent_again"

    @pytest.mark.parametrize(("hours", "number"), [(2, 1), (0.5, 0)])
    def test_what_failed_since_a_time_is_sent_again(self, operator, endpoint, dead, hours, number):
        since = timezone.localtime(NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S")
        response = operator.post(page_of(endpoint, "recover"), {"since": since}, follow=True)
        assert f"Messages that are sent again: {number}." in text_of(response)
        assert WebhookMessage.objects.filter(dead_at=None).count() == number

    @pytest.mark.parametrize("since", ["", "yesterday", "\0", "9999-99-99T00:00", "0001-01-01T00:00:00"])
    def test_a_time_that_makes_no_sense_changes_nothing(self, operator, endpoint, dead, since):
        assert operator.post(page_of(endpoint, "recover"), {"since": since}).status_code in (200, 302)
        assert newest().type != "console.refused"


class TestPermissions:
    ACTS = ("edit", "rotate", "recover", "act/disable", "act/enable", "act/send_test")

    def test_view_only_staff_see_endpoints_without_buttons(self, viewer, endpoint, dead):
        page = text_of(viewer.get(page_of(endpoint)))
        assert "503" in page
        assert "gatepass-buttons" not in page

    def test_view_only_staff_change_nothing_by_forged_post(self, viewer, endpoint, dead, workspace):
        message = f"{MESSAGES}{dead.pk.replace('_', '_5F')}/"
        addresses = [LIST + "add/", message + "act/send_again/", *(page_of(endpoint, act) for act in self.ACTS)]
        before = Event.objects.count()
        values = {"confirmed": "yes", "url": URL, "workspace": "Here", "since": "2020-01-01T00:00"}
        for address in addresses:
            assert viewer.post(address, values).status_code == 403
            assert viewer.get(address).status_code == 403
        for page, rows, action in ((LIST, endpoint, "disable"), (MESSAGES, dead, "send_again")):
            forged = {"action": action, "_selected_action": str(rows.pk), "confirmed": "yes"}
            assert viewer.post(page, forged).status_code == 403
        refused = Event.objects.filter(type="console.refused")
        assert refused.count() == Event.objects.count() - before == len(addresses) + 2
        assert {WebhookEndpoint.objects.get().url, WebhookMessage.objects.get().dead_at} == {URL, dead.dead_at}

    def test_who_may_not_see_messages_sees_no_deliveries(self, viewer, endpoint, dead):
        get_user_model().objects.get(username="viewer").user_permissions.remove(
            Permission.objects.get(codename="view_webhookmessage")
        )
        assert "503" not in text_of(viewer.get(page_of(endpoint)))


def test_hostile_texts_are_escaped(operator, endpoint, dead):
    WebhookEndpoint.objects.update(description=HOSTILE, url=URL + HOSTILE, disabled_reason=HOSTILE)
    WebhookMessage.objects.update(last_outcome=HOSTILE[:60])
    addresses = [LIST, MESSAGES, *(page_of(endpoint, rest) for rest in ("change", "history", "edit", "rotate"))]
    for page in [operator.get(address) for address in addresses]:
        assert "<script>alert" not in text_of(page)
    assert "<script>alert" not in text_of(operator.post(LIST + "add/", {"url": HOSTILE, "description": HOSTILE}))


def test_no_page_needs_inline_script_or_style(operator, endpoint, dead):
    for address in (LIST + "add/", *(page_of(endpoint, rest) for rest in ("change", "edit", "rotate", "recover"))):
        assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", text_of(operator.get(address)))


def test_an_endpoint_that_does_not_exist_is_not_found(operator, endpoint):
    for rest in TestPermissions.ACTS[:3]:
        assert operator.post(f"{LIST}3d0b1a3e-6b4c-4a4b-9d7e-0f1f4e1c2b3a/{rest}/").status_code == 404


def test_the_page_of_an_endpoint_costs_a_fixed_number_of_queries(operator, workspace, endpoint, dead, statements):
    def counted():
        with statements() as made:
            assert operator.get(page_of(endpoint)).status_code == 200
        return len(made)

    counted()  # Django keeps the types of models once it has read them
    first = counted()
    for number in range(4):
        UserSession.objects.start(workspace, get_user_model().objects.create_user(f"u{number}"), actor="test")
    assert counted() == first == 6


def test_a_whole_list_of_messages_is_what_the_confirmation_showed(operator, dead, endpoint):
    everything = {"action": "send_again", "_selected_action": ["any"], "select_across": "1"}
    shown = operator.post(MESSAGES, everything).context
    later = WebhookMessage.objects.send_test(endpoint, actor="test")
    WebhookMessage.objects.filter(pk=later.pk).update(next_attempt_at=None, dead_at=NOW)
    done = operator.post(MESSAGES, {**everything, "confirmed": "yes", "as_of": shown["as_of"]}, follow=True)
    assert "1 of 1 will be sent again." in text_of(done)
    assert WebhookMessage.objects.get(dead_at=None).pk == dead.pk


@pytest.mark.parametrize("as_of", ["", "x", "[]", '["x"]', "[null]"])
def test_a_whole_list_of_messages_as_of_nonsense_is_all(operator, dead, as_of):
    everything = {"action": "send_again", "_selected_action": ["any"], "select_across": "1"}
    done = operator.post(MESSAGES, {**everything, "confirmed": "yes", "as_of": as_of}, follow=True)
    assert "1 of 1 will be sent again." in text_of(done)


def test_an_empty_list_of_messages_is_confirmed_too(operator, endpoint):
    everything = {"action": "send_again", "_selected_action": ["any"], "select_across": "1"}
    assert "This applies to 0" in text_of(operator.post(MESSAGES, everything))


@pytest.mark.parametrize(
    "broken", [(WebhookEndpointAdmin, "_secret"), (WebhookEndpointAdmin, "url_of"), (StaticNode, "render")]
)
def test_no_error_report_has_a_webhook_secret(operator, workspace, endpoint, monkeypatch, broken):
    made = []
    make = tokens.new_webhook_secret
    monkeypatch.setattr(tokens, "new_webhook_secret", lambda: made.append(make()) or made[-1])
    with error_reports(operator, monkeypatch, broken) as reports:
        operator.post(LIST + "add/", {"workspace": "Here", "url": URL + "b"})
        operator.post(page_of(endpoint, "rotate"))
    assert len(made) == len(reports) == 2
    assert not any(secret in report for secret in made for report in reports)
