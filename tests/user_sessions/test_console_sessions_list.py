"""The console's list of user sessions: what a row says, filters by what holds now, one search box, and its cost."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.user_sessions.test_console_actions import LIST, address, operator_with, page_of
from user_sessions.console import session_facts, session_pages, session_search
from user_sessions.models import Epoch, UserSession
from user_sessions.places import Place
from user_sessions.user_agents import Device, device_of

pytestmark = pytest.mark.usefixtures("unseen_operators")

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


COUNTRIES = {"SE": "192.0.2.1", "DE": "192.0.2.2", "FR": "192.0.2.3", "": "192.0.2.4"}


def place_named(address: str) -> Place:
    return Place(country=next((country for country, each in COUNTRIES.items() if each == address), ""))


@pytest.fixture
def root(db) -> Browser:
    client = Browser()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def start(workspace, user, agent=FIREFOX, ip="192.0.2.7", **more) -> UserSession:
    return UserSession.objects.start(workspace, user, actor="test", device=device_of(agent, ip), **more)


def found(root, **query) -> set[UserSession]:
    return set(root.get(LIST, query).context["cl"].result_list)


def shown(root, **query) -> str:
    return root.get(LIST, query).content.decode()


class TestRow:
    def test_it_shows_device_address_status_and_user(self, root, workspace, u1):
        start(workspace, u1)
        page = shown(root)
        assert "Firefox 140.0 on Linux" in page and "192.0.2.7" in page
        assert (
            '<span class="gatepass-badge gatepass-good" title=""><span aria-hidden="true">●</span> Active</span>'
            in page
        )

    def test_last_use_is_in_words_with_the_exact_time_and_its_offset(self, root, workspace, u1):
        began = timezone.now() - timedelta(minutes=5, seconds=1)
        start(workspace, u1, at=began)
        assert re.search(rf'title="{began:%Y-%m-%d %H:%M:%S} \+0000">5\xa0minutes ago</time>', shown(root))

    def test_an_imported_session_is_no_new_device_and_makes_none(self, root, workspace, u1):
        for n in range(2):
            start(workspace, u1, at=timezone.now() - timedelta(hours=9 - n)).end(actor="import:django")
        assert "new device" not in shown(root)
        start(workspace, u1)
        assert "new device" not in shown(root)

    def test_a_sign_in_on_another_client_is_a_new_device(self, root, workspace, u1):
        first = start(workspace, u1)
        assert "new device" not in shown(root)
        second = start(workspace, u1, agent=IPHONE)
        assert "new device" in root.get(page_of(second)).content.decode()
        assert "new device" not in root.get(page_of(first)).content.decode()

    @pytest.mark.parametrize(
        ("earlier", "latest", "is_new", "badges"),
        [
            (["SE", "DE"], "FR", True, 2),
            (["SE", "FR"], "FR", False, 1),
            (["FR"], "", False, 0),
            ([""], "FR", False, 0),
            ([], "FR", False, 0),
        ],
    )
    def test_a_country_is_new_if_earlier_sessions_were_used_in_others_only(
        self, root, workspace, u1, u2, settings, earlier, latest, is_new, badges
    ):
        settings.USER_SESSIONS = {**settings.USER_SESSIONS, "PLACE_OF_ADDRESS": f"{__name__}.place_named"}
        for n, country in enumerate(earlier):
            start(workspace, u1, ip=COUNTRIES[country], at=timezone.now() - timedelta(hours=9 - n))
        start(workspace, u2, ip=COUNTRIES["FR"])
        start(workspace, u1, ip=COUNTRIES["FR"], impersonator={"sub": "user_99"})
        session = start(workspace, u1, ip=COUNTRIES[latest])
        assert ("new country" in root.get(page_of(session)).content.decode()) == is_new
        assert shown(root).count("> new country<") == badges

    def test_a_country_is_looked_for_in_a_bounded_number_of_earlier_sessions(
        self, root, workspace, u1, settings, monkeypatch
    ):
        settings.USER_SESSIONS = {**settings.USER_SESSIONS, "PLACE_OF_ADDRESS": f"{__name__}.place_named"}
        monkeypatch.setattr(session_facts, "EARLIER_SESSIONS", 1)
        for n, country in enumerate(["FR", "SE", "FR"]):
            session = start(workspace, u1, ip=COUNTRIES[country], at=timezone.now() - timedelta(hours=9 - n))
        assert "new country" in root.get(page_of(session)).content.decode()

    def test_an_impersonation_has_a_badge_that_names_who(self, root, workspace, u1):
        start(workspace, u1, impersonator={"sub": "user_99"})
        assert re.search(r'gatepass-bad" title="user_99">.*impersonated', shown(root))

    def test_a_session_that_is_over_says_since_when_in_place_of_its_expiry(self, root, workspace, u1):
        now = timezone.now()
        session = start(workspace, u1, at=now - timedelta(hours=3))
        assert f'title="{session.expire_at:%Y-%m-%d %H:%M:%S}' in shown(root)
        session.revoke(actor="test", at=now - timedelta(hours=2))
        assert f'title="{session.expire_at:%Y-%m-%d %H:%M:%S}' not in shown(root)
        assert f'title="{now - timedelta(hours=2):%Y-%m-%d %H:%M:%S}' in shown(root)

    def test_hostile_texts_are_escaped(self, root, workspace):
        mallory = get_user_model().objects.create_user("<script>alert(1)</script>", email="<b>@x.example")
        hostile = Device(
            browser_name="<img src=x onerror=y>", browser_version='"><', device_type="<svg/onload=z>", is_mobile=True,
            ip_address=None,
        )  # fmt: skip
        session = UserSession.objects.start(workspace, mallory, actor="test", device=hostile)
        session.revoke(actor="test", reason="<script>alert(2)</script>")
        for page in (LIST, page_of(session), address(session), f"{LIST}?q=%3Cscript"):
            text = root.get(page).content.decode()
            assert "<script>alert" not in text and "<img src=x" not in text and "<svg/onload" not in text

    def test_only_what_the_operator_may_do_has_a_link(self, session):
        client = operator_with("view_usersession", "end_usersession")
        page = client.get(LIST).content.decode()
        assert address(session, "end") in page and address(session) not in page
        assert "gatepass-act" not in operator_without(client).get(LIST).content.decode()


def operator_without(client: Browser) -> Browser:
    get_user_model().objects.get(username="operator").user_permissions.set(
        Permission.objects.filter(codename="view_usersession")
    )
    return client


class TestFilter:
    def test_status_is_what_holds_now(self, root, workspace, u1, u2):
        now = timezone.now()
        live = start(workspace, u1)
        expired = start(workspace, u1, lifetime=timedelta(days=1), at=now - timedelta(days=2))
        over = start(workspace, u2)
        get_user_model().objects.filter(pk=u2.pk).update(is_active=False)
        assert found(root, status_now="live") == found(root, status_now="active") == {live}
        assert found(root, status_now="expired") == {expired}
        assert found(root, status_now="revoked") == {over}

    def test_an_epoch_ends_what_it_ends(self, root, workspace, session):
        Epoch.objects.begin(workspace, actor="test")
        assert found(root, status_now="live") == set()
        assert found(root, status_now="revoked") == {session}

    def test_by_device_method_impersonation_reason_and_who(self, root, workspace, u1, u2):
        phone = start(workspace, u1, agent=IPHONE, amr=["pwd", "otp", "mfa"])
        computer = start(workspace, u1, amr=["pwd"])
        unknown = UserSession.objects.start(workspace, u2, actor="test", impersonator={"sub": "user_99"})
        computer.revoke(actor="operator:1", reason="stolen")
        assert found(root, device_kind="mobile") == found(root, method="otp") == {phone}
        assert found(root, device_kind="computer") == found(root, reason="stolen") == {computer}
        assert found(root, device_kind="unknown") == found(root, impersonated="yes") == {unknown}
        assert found(root, method="pwd") == {phone, computer}
        assert found(root, method="unknown") == {unknown}
        assert found(root, ended_by="operator") == {computer}
        assert found(root, ended_by="user_session") == set()

    @pytest.mark.parametrize("name", ["status_now", "device_kind", "method", "ended_by", "impersonated", "created"])
    @pytest.mark.parametrize("value", ["", "nonsense", "'"])
    def test_a_value_that_is_none_of_the_choices_is_a_notice_and_never_dropped(self, root, session, name, value):
        answer = root.get(LIST, {name: value}, follow=True)
        assert "This list is not filtered." in answer.content.decode() or not (
            value or found(root, **{name: value}) - {session}
        )

    def test_by_time_to_the_minute_with_both_ends(self, root, workspace, u1, settings):
        at = timezone.now().replace(second=30, microsecond=0) - timedelta(days=2)
        session = start(workspace, u1, at=at)
        minute = f"{at:%Y-%m-%dT%H:%M}"
        assert found(root, created__from=minute, created__until=minute) == {session}
        assert found(root, created__until=f"{at - timedelta(minutes=1):%Y-%m-%dT%H:%M}") == set()
        assert found(root, created="24h") == set() and found(root, created="7d") == {session}

    def test_a_time_without_offset_is_in_the_zone_that_the_page_names(self, root, workspace, u1):
        at = timezone.now().replace(second=0, microsecond=0) - timedelta(days=1)
        session = start(workspace, u1, at=at)
        with timezone.override("Asia/Tokyo"):
            local = f"{timezone.localtime(at):%Y-%m-%dT%H:%M}"
            assert "Asia/Tokyo" in shown(root)
            assert found(root, created__from=local, created__until=local) == {session}

    @pytest.mark.parametrize(
        "time", ["x", "2026-13-01T00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00+14:00", "\x00"]
    )
    def test_a_time_that_makes_no_sense_is_no_server_error(self, root, session, time):
        for name in ("created__from", "created__until"):
            assert root.get(LIST, {name: time}).status_code in (200, 302, 400)

    def test_filters_stay_in_the_form_of_the_times_and_in_the_links(self, root, session):
        page = shown(root, status_now="active", created="7d")
        assert '<input type="hidden" name="status_now" value="active">' in page
        assert "?created=7d&amp;status_now=revoked" in page


class TestSearch:
    @pytest.fixture
    def maria(self):
        return get_user_model().objects.create_user("maria.w", email="Maria.Wolf@mail.example")

    def test_the_box_takes_ids_addresses_and_parts_of_names(self, root, workspace, maria, u2):
        session, other = start(workspace, maria), start(workspace, u2, ip="198.51.100.9")
        for text in (session.pk, session.client_id, f"user_{maria.pk}", "192.0.2.7", "maria.w",
                     "ria.w", "MARIA", "wolf@mail", " wolf "):  # fmt: skip
            assert found(root, q=text) == {session}, text
        assert session in found(root, q=str(maria.pk))
        assert found(root, q="198.51.100.9") == {other}
        assert found(root, q="nobody") == found(root, q="203.0.113.1") == found(root, q="sess_x") == set()

    def test_an_address_finds_sessions_that_used_it_earlier(self, root, workspace, u1):
        session = start(workspace, u1)
        session.activities.model.objects.note(session, device_of(IPHONE, "198.51.100.9"), at=timezone.now())
        assert found(root, q="192.0.2.7") == found(root, q="198.51.100.9") == {session}

    def test_a_hashed_address_is_found_by_the_address(self, root, workspace, u1, settings):
        settings.USER_SESSIONS = {**settings.USER_SESSIONS, "ADDRESS_FORM": "hashed"}
        session = start(workspace, u1)
        assert found(root, q="192.0.2.7") == {session}

    def test_a_part_is_searched_among_the_newest_users_and_a_whole_name_among_all(
        self, root, workspace, maria, monkeypatch
    ):
        session = start(workspace, maria)
        get_user_model().objects.create_user("newer")
        monkeypatch.setattr(session_search, "USERS_READ", 1)
        assert found(root, q="wolf") == set()
        assert found(root, q="maria.w") == {session}

    @pytest.mark.parametrize("text", ["%", "_", "'", "\\", "💥", "x" * 5000, "user_" + "9" * 50, "9" * 50, "::1%x"])
    def test_no_text_is_a_server_error_or_matches_everything(self, root, session, text):
        assert found(root, q=text) == set()


class TestCost:
    def count(self, root, query="") -> int:
        root.get(LIST + query)
        with CaptureQueriesContext(connection) as queries:
            assert root.get(LIST + query).status_code == 200
        return len(queries)

    @pytest.mark.parametrize("query", ["", "?status_now=live", "?q=u1", "?device_kind=computer&created=7d"])
    def test_the_number_of_queries_is_fixed(self, root, workspace, u1, u2, query):
        start(workspace, u1)
        one = self.count(root, query)
        for user in (u1, u2) * 5:
            start(workspace, user)
        assert self.count(root, query) == one <= 12

    def test_a_filter_without_an_index_reads_a_part_and_says_so(self, root, workspace, u1, monkeypatch):
        monkeypatch.setattr(session_pages.UserSessionAdmin, "most_scanned", 3)
        phone = start(workspace, u1, agent=IPHONE)
        for _ in range(4):
            start(workspace, u1)
        first = root.get(LIST, {"device_kind": "mobile"})
        assert first.context["cl"].result_list == [] and "Older rows may match too" in first.content.decode()
        second = root.get(LIST + first.context["cl"].next_url).context["cl"]
        assert second.result_list == [phone] and second.next_url is None

    def test_a_cut_page_leaves_no_row_out(self, root, workspace, u1, monkeypatch):
        monkeypatch.setattr(session_pages.UserSessionAdmin, "most_scanned", 2)
        sessions = {start(workspace, u1) for _ in range(7)}
        rows, query = [], "?device_kind=computer"
        while query:
            cl = root.get(LIST + query).context["cl"]
            rows, query = [*rows, *cl.result_list], cl.next_url
        assert len(rows) == 7 and set(rows) == sessions

    def test_without_such_a_filter_nothing_is_cut(self, root, workspace, u1, monkeypatch):
        monkeypatch.setattr(session_pages.UserSessionAdmin, "most_scanned", 1)
        sessions = {start(workspace, u1) for _ in range(3)}
        assert found(root) == found(root, created="7d") == found(root, q="u1") == sessions
        assert found(root, user=u1.pk, device_kind="computer") == sessions


@pytest.mark.parametrize(("codenames", "is_found"), [(["view_usersession"], False), (["view_user"], True)])
def test_an_address_is_searched_for_operators_who_may_view_users(workspace, u1, codenames, is_found):
    u1.email = "hidden.address@example.com"
    u1.save()
    session = start(workspace, u1)
    operator = operator_with("view_usersession", *codenames)
    assert found(operator, q="hidden.a") == found(operator, q=u1.email) == ({session} if is_found else set())
    assert found(operator, q=u1.get_username()) == {session}
