"""The dashboard of the console: what its numbers count, where they lead, and who sees which."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.test import Client, RequestFactory
from django.utils import timezone
from django.utils.translation import override

from client_sessions.models import ClientSession
from sessions_core.console import dashboard
from sessions_core.console.dashboard import Shown, shown_panels
from sessions_core.console.spans import RANGES, Span
from sessions_core.db.counting import counts_between
from sessions_core.models import ApiKey, Event, WebhookEndpoint, WebhookMessage, Workspace
from sessions_core.models.refusal_counts import RefusalCount, step_of
from user_sessions.models import Epoch, SigningKey, UserSession

pytestmark = pytest.mark.usefixtures("unseen_operators")

PAGE = "/admin/sessions_core/dashboard/"
BY = "operator:test"

# In the middle of an hour.
AT = timezone.now().replace(minute=30, second=0, microsecond=0) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_cache(settings: Any) -> None:
    caches["default"].clear()


@pytest.fixture
def console(db: None) -> Client:
    return signed_in(get_user_model().objects.create_superuser("root"))


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(*codenames: str) -> Any:
    user = get_user_model().objects.create_user("someone", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def panels(*, at: Any = AT, range: str = "24h", user: Any = None) -> dict[str, Shown]:
    request = RequestFactory().get("/")
    request.user = user or get_user_model()(is_superuser=True, is_active=True, is_staff=True)
    return {panel.name: panel for panel in shown_panels(request, admin.site, Span(RANGES[range], at))}


def numbers(name: str, **given: Any) -> dict[str, str]:
    panel = panels(**given)[name]
    return {str(each.label): each.text for each in (*panel.figures, *panel.shares)}


def sign_in(workspace: Workspace, name: str, *, at: Any = AT) -> UserSession:
    user, _ = get_user_model().objects.get_or_create(username=name)
    return UserSession.objects.start(workspace, user, actor=BY, at=at)


class TestSignIns:
    def test_a_bar_counts_the_sign_ins_of_its_hour(self, workspace):
        for minutes in (0, 29, 31, 89, 91):
            sign_in(workspace, f"u{minutes}", at=AT - timedelta(minutes=minutes))
        texts = [bar.numbers.texts[0] for bar in panels()["sign_ins"].chart.bars]
        assert texts[-3:] == ["1", "2", "1"]  # the span ends before this moment

    def test_a_bar_leads_to_exactly_those_sign_ins(self, console, workspace):
        wanted = {sign_in(workspace, f"u{n}", at=AT - timedelta(minutes=60 + n)).pk for n in range(3)}
        sign_in(workspace, "earlier", at=AT - timedelta(hours=2))
        bar = panels()["sign_ins"].chart.bars[-2]
        listed = console.get(bar.numbers.url).context["cl"].result_list
        assert bar.numbers.texts[0] == "3" and {session.pk for session in listed} == wanted

    def test_the_last_column_of_the_table_leads_to_everything_since(self, console, workspace):
        sessions = [sign_in(workspace, f"u{n}", at=AT - timedelta(hours=n)) for n in range(3)]
        url = panels()["sign_ins"].chart.bars[-2].numbers.since_url
        assert {row.pk for row in console.get(url).context["cl"].result_list} == {each.pk for each in sessions[:2]}

    def test_the_same_hours_of_yesterday_and_last_week_stand_beside(self, workspace):
        for count, days in ((4, 0), (2, 1), (1, 7)):
            for n in range(count):
                sign_in(workspace, f"u{n}", at=AT - timedelta(days=days, minutes=1 + n))
        chart = panels()["sign_ins"].chart
        assert chart.bars[-1].numbers.texts == ["4", "2", "1"]
        assert [(str(each.label), each.total, each.change) for each in chart.earlier] == [
            ("yesterday", "2", "+100 %"),
            ("a week before", "1", "+300 %"),
        ]

    def test_yesterday_ends_at_the_same_minute(self, workspace):
        sign_in(workspace, "u1", at=AT - timedelta(days=1) + timedelta(minutes=10))
        assert panels()["sign_ins"].chart.bars[-1].numbers.texts == ["0", "0", "0"]

    def test_above_a_bound_a_number_says_so(self, workspace, monkeypatch):
        monkeypatch.setattr(dashboard, "MOST", 2)
        for n in range(5):
            sign_in(workspace, f"u{n}", at=AT - timedelta(minutes=n + 1))
        chart = panels()["sign_ins"].chart
        assert chart.bars[-1].numbers.texts[0] == chart.total == "more than 2"
        assert chart.earlier[0].change == ""

    def test_rows_that_cannot_be_are_none(self, db):
        assert counts_between(Event.objects.filter(type__in=[]), [(AT - timedelta(days=1), AT)] * 2, most=2) == [0, 0]

    def test_a_pending_sign_in_counts(self, workspace):
        user = get_user_model().objects.create_user("u1")
        UserSession.objects.start(workspace, user, actor=BY, at=AT - timedelta(minutes=1), tasks=["setup-mfa"])
        assert panels()["sign_ins"].chart.total == "1"

    def test_devices_and_reasons_are_those_of_the_span(self, workspace):
        sign_in(workspace, "u1", at=AT - timedelta(minutes=1)).revoke(
            actor=BY, at=AT - timedelta(seconds=1), reason="stolen"
        )
        sign_in(workspace, "u2", at=AT - timedelta(days=3)).revoke(actor=BY, at=AT - timedelta(days=2), reason="old")
        assert numbers("devices") == {"computers": "0", "phones and tablets": "0", "unknown devices": "1"}
        assert numbers("reasons") == {"stolen": "1"}


class TestLiveSessions:
    def test_live_sessions_are_those_that_requests_accept(self, workspace, elsewhere):
        sign_in(workspace, "live")
        sign_in(workspace, "ended").end(actor=BY, at=AT)
        get_user_model().objects.filter(pk=sign_in(workspace, "inactive").user_id).update(is_active=False)
        sign_in(elsewhere, "signed out", at=AT - timedelta(hours=1))
        Epoch.objects.begin(elsewhere, actor=BY, at=AT - timedelta(minutes=1))
        assert numbers("live_sessions") == {"live now": "1"}
        assert numbers("endings")["times that all users of a workspace were signed out"] == "1"

    def test_more_than_the_bound_is_said_in_words(self, workspace, monkeypatch):
        monkeypatch.setattr(dashboard, "MOST", 2)
        sessions = [sign_in(workspace, f"u{n}", at=AT - timedelta(hours=n)) for n in range(4)]
        assert numbers("live_sessions") == {"live now": "more than 2"}
        get_user_model().objects.filter(pk=sessions[0].user_id).update(is_active=False)
        assert numbers("live_sessions") == {"live now": "at least 2"}

    def test_client_sessions_that_expire_soon_are_counted(self, workspace):
        for key, hours in (("soon", 5), ("later", 40), ("revoked", 5)):
            session = ClientSession.objects.start(
                workspace, actor=BY, user_identifier_key=key, at=AT, expires_at=AT + timedelta(hours=hours)
            )
            if key == "revoked":
                session.revoke(actor=BY, at=AT)
        assert numbers("client_sessions") == {"live now": "2", "expire within 24 hours": "1"}


class TestKeysAndWebhooks:
    def test_keys_due_for_rotation_are_counted(self, workspace):
        SigningKey.objects.current(workspace, at=AT - timedelta(days=91))
        old, _ = ApiKey.objects.issue(workspace, name="old", actor=BY)
        ApiKey.objects.filter(pk=old.pk).update(created_at=AT - timedelta(days=400))
        ApiKey.objects.issue(workspace, name="new", actor=BY)
        assert numbers("signing_keys")["have signed for more than 90 days"] == "1"
        assert numbers("api_keys") == {"created more than a year ago": "1", "end within a week": "0"}

    def test_a_rotated_key_is_no_longer_due(self, workspace):
        SigningKey.objects.current(workspace, at=AT - timedelta(days=91))
        SigningKey.objects.rotate(workspace, actor=BY, at=AT)
        assert numbers("signing_keys") == {"have signed for more than 90 days": "0", "will sign soon": "1"}

    def test_webhooks_that_fail_are_counted(self, workspace):
        endpoint, _ = WebhookEndpoint.objects.add(workspace, "http://localhost:1/", actor=BY, at=AT)
        sign_in(workspace, "u1", at=AT - timedelta(minutes=1))
        message = WebhookMessage.objects.get()
        message.fail("503", at=AT)
        assert numbers("webhooks")["messages that will be tried again"] == "1"
        WebhookMessage.objects.update(next_attempt_at=None, dead_at=AT - timedelta(minutes=1))
        endpoint.disable(actor=BY, at=AT)
        assert list(numbers("webhooks").values()) == ["0", "1", "1"]


class TestRefusals:
    def test_forbidden_requests_to_the_console_are_counted(self, workspace):
        Event.objects.record("console.refused", subject="page", workspace_id=None, actor=BY, at=AT - timedelta(hours=1))
        assert numbers("refusals")["forbidden requests to the console"] == "1"

    def test_a_bar_has_those_of_its_wall_clock_also_where_an_hour_was_left_out(self, db):
        with timezone.override("Europe/Berlin"):  # 03:32 in summer time: yesterday had no 02:35
            span = Span(RANGES["1h"], datetime(2026, 3, 30, 1, 32, tzinfo=UTC))
        starts = [datetime(2026, 3, 29, 1, minute, tzinfo=UTC) for minute in (0, 25, 30)]
        for number, start in enumerate(starts, start=1):
            RefusalCount.objects.create(kind="rate_limit", step=step_of(start), number=number)
        with timezone.override("Europe/Berlin"):
            runs = list(zip(*map(span.with_earlier, span.bars), strict=True))
        bars = RefusalCount.objects.totals(runs)[1]
        assert [bar.total() for bar in bars] == [0] * 5 + [1, 0, 0, 0, 0, 2, 3]

    def test_a_bar_has_the_refusals_of_its_hour_by_kind(self, db):
        counts = [("rate_limit", 4, 95), ("rate_limit", 3, 89), ("wrong_password", 2, 60), ("wrong_password", 5, 2000)]
        for kind, number, minutes in counts:
            RefusalCount.objects.create(kind=kind, number=number, step=step_of(AT - timedelta(minutes=minutes)))
        chart = panels()["refusals"].chart
        assert [list(bar.numbers.parts) for bar in chart.bars[-3:]] == [[0, 0, 0, 4], [2, 0, 0, 3], [0, 0, 0, 0]]
        assert [(segment.name, segment.y, segment.height) for segment in chart.bars[-2].segments] == [
            ("part-1", 60, 40),
            ("part-4", 0, 60),
        ]
        assert [(str(part.label), part.total) for part in chart.parts] == [
            ("wrong passwords", "2"),
            ("wrong codes of a second factor", "0"),
            ("invalid credentials", "0"),
            ("over a rate limit", "7"),
        ]
        assert (chart.total, [sums.total for sums in chart.earlier]) == ("9", ["5", "0"])


class TestLinks:
    @pytest.fixture
    def scene(self, workspace: Workspace) -> None:
        session = sign_in(workspace, "u1", at=AT - timedelta(minutes=1))
        session.revoke(actor=BY, at=AT - timedelta(seconds=1), reason="stolen")
        sign_in(workspace, "u2", at=AT - timedelta(minutes=1))
        ClientSession.objects.start(workspace, actor=BY, at=AT, expires_at=AT + timedelta(hours=2))
        SigningKey.objects.current(workspace, at=AT - timedelta(days=91))
        WebhookEndpoint.objects.add(workspace, "http://localhost:1/", actor=BY, at=AT)[0].disable(actor=BY, at=AT)

    @pytest.mark.parametrize("range", RANGES)
    def test_every_number_leads_to_a_list_of_that_length(self, console, scene, range):
        for panel in panels(range=range).values():
            for figure in panel.figures:
                assert len(console.get(figure.url).context["cl"].result_list) == int(figure.text), figure

    def test_every_link_of_the_page_answers(self, console, scene):
        page = console.get(PAGE).content.decode()
        urls = {
            url.replace("&amp;", "&")
            for url in re.findall(r'href="(/admin/sessions_core/[^"]+|/admin/user[^"]+)"', page)
        }
        assert len(urls) > 50
        for url in sorted(urls)[::10]:
            answer = console.get(url)
            assert answer.status_code == 200 and "e=1" not in urlsplit(url).query, url


class TestPermissions:
    def test_an_operator_sees_the_panels_of_what_they_may_view(self, db):
        assert set(panels(user=staff("view_apikey", "view_signingkey"))) == {"api_keys", "signing_keys"}

    def test_sign_ins_need_both_sessions_and_events(self, db):
        assert set(panels(user=staff("view_usersession"))) == {"live_sessions"}

    def test_without_such_a_permission_there_is_no_dashboard(self, db):
        client = signed_in(staff("view_user"))
        assert client.get(PAGE).status_code == 403
        index = client.get("/admin/").content
        assert b"gatepass-dashboard" not in index and PAGE.encode() not in index

    def test_the_index_shows_it_and_links_to_it(self, db):
        index = signed_in(staff("view_apikey")).get("/admin/").content
        assert b"gatepass-dashboard" in index and PAGE.encode() in index

    def test_the_rows_of_its_model_have_no_page(self, console, workspace):
        for page in ("add/", f"{workspace.pk}/change/", f"{workspace.pk}/delete/", f"{workspace.pk}/history/"):
            assert console.get(PAGE + page).status_code == 404

    def test_a_site_without_our_pages_has_no_panel(self, db):
        request = RequestFactory().get("/")
        request.user = get_user_model()(is_superuser=True, is_active=True)
        assert shown_panels(request, admin.AdminSite("other"), Span(RANGES["24h"], AT)) == []


class TestPage:
    def test_it_takes_eight_queries_and_two_more_for_permissions(self, console, workspace, django_assert_num_queries):
        sign_in(workspace, "u1").revoke(actor=BY, reason="stolen")
        with django_assert_num_queries(8):  # session, user, figures, three charts, devices, reasons
            console.get(PAGE)
        client = signed_in(staff(*Permission.objects.values_list("codename", flat=True)))
        with django_assert_num_queries(10):
            client.get(PAGE)

    @pytest.mark.parametrize("range", ["1h", "24h", "7d", "30d", "", "nothing", "%00"])
    def test_the_range_is_in_the_address(self, console, range):
        answer = console.get(f"{PAGE}?range={range}")
        expected = RANGES.get(range, RANGES["24h"])
        assert answer.context["span"].range == expected
        assert f'href="?range={expected.name}" aria-current="true"' in answer.content.decode()

    def test_a_reason_is_escaped(self, console, workspace):
        sign_in(workspace, "u1", at=timezone.now()).revoke(actor=BY, reason="<script>alert(1)</script>")
        page = console.get(PAGE).content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page

    def test_it_has_no_inline_style_script_or_event(self, console, workspace):
        sign_in(workspace, "u1")
        found = Inline()
        found.feed(console.get(PAGE).content.decode().partition('id="content"')[2])
        assert found.inline == [] and found.count["details"] == 3

    def test_the_table_has_what_the_drawing_shows(self, console):
        page = console.get(PAGE).content.decode()
        assert page.count('<rect class="gatepass-bar"') == page.count('<th scope="row">') == 72

    @pytest.mark.parametrize(("language", "title"), [("de", "Anmeldungen"), ("fr", "Connexions")])
    def test_it_speaks_the_language_of_the_operator(self, console, language, title):
        with override(language):
            assert str(panels()["sign_ins"].title) == title
        page = console.get(PAGE, headers={"accept-language": language}).content.decode()
        assert re.search(r'<svg viewBox="0 0 1000 100"', page)
        assert not re.search(r'(x|y|width|height)="\d+,\d', page)


class Inline(HTMLParser):
    """Collects what a strict CSP forbids, and counts elements."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        self.inline += [name for name, _ in attributes if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in dict(attributes)):
            self.inline.append(tag)
