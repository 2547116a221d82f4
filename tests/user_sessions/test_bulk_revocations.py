"""Bulk revocation: what the list's filter matched at the preview is ended, in batches, once, with a reason."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone

from sessions_core.cleaning import clean, kind_named
from sessions_core.console.console_permissions import REFUSED
from sessions_core.models import Event
from sessions_core.personal_data import erase_user, export_user
from tests.user_sessions.test_console_actions import LIST, is_live, operator_with
from user_sessions.console import bulk_batches, bulk_previews
from user_sessions.models import UserSession
from user_sessions.models.bulk_revocations import BulkRevocation

pytestmark = pytest.mark.usefixtures("unseen_operators")

PREVIEW = f"{LIST}bulk_revoke/"
PAGES = "/admin/user_sessions/bulkrevocation/"


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(bulk_batches, "PAUSE", 0)


def start(workspace, user, **more) -> UserSession:
    return UserSession.objects.start(workspace, user, actor="test", **more)


def previewed(client, query="") -> dict[str, str]:
    """Return the fields of the form."""
    return {"preview": client.get(PREVIEW + query).context["form"].initial["preview"], "reason": "an attack"}


def revoke(client, query="", **more) -> BulkRevocation:
    """Preview and confirm, as an operator does."""
    done = client.post(PREVIEW + query, {**previewed(client, query), "everything": "on", **more})
    assert done.status_code == 302, done.context["form"].errors
    return BulkRevocation.objects.get(pk=unquote(done["Location"].split("/")[-3]))


def text_of(client, query="") -> str:
    return client.get(PREVIEW + query).content.decode()


class TestPreview:
    def test_the_list_leads_to_it_with_its_filter(self, root, session):
        assert f'href="{PREVIEW}?created=1h"' in root.get(f"{LIST}?created=1h").content.decode()
        assert PREVIEW not in operator_with("view_usersession", "revoke_usersession").get(LIST).content.decode()

    def test_it_says_how_many_sessions_of_how_many_users_and_which(self, root, workspace, u1, u2):
        now = timezone.now()
        for user, hours in ((u1, 3), (u1, 2), (u2, 1)):
            start(workspace, user, at=now - timedelta(hours=hours))
        text = text_of(root, "?created=24h")
        assert "Live sessions that will end: 3. Users: 2." in text
        assert f"The oldest began at {now - timedelta(hours=3):%Y-%m-%d %H:%M:%S}" in text
        assert "u2 · Unknown device · Active" in text
        assert "created: last 24 hours" not in text  # but the time itself, which does not move
        assert "Sessions that begin later are not ended." in text

    def test_it_leads_back_to_the_filtered_list(self, root, session):
        assert f'href="{LIST}?status_now=live"' in text_of(root, "?status_now=live&after=x")

    def test_it_writes_nothing(self, root, session):
        with CaptureQueriesContext(connection) as queries:
            root.get(PREVIEW)
        assert not [q["sql"] for q in queries if re.match("INSERT|UPDATE|DELETE", q["sql"])]

    def test_a_large_set_is_counted_up_to_a_bound(self, root, workspace, u1, monkeypatch):
        monkeypatch.setattr(bulk_previews, "MOST_COUNTED", 2)
        for _ in range(4):
            start(workspace, u1)
        assert "Live sessions that will end: at least 2. Users: at least 1." in text_of(root)

    def test_a_filter_without_an_index_reads_a_part(self, root, workspace, u1, monkeypatch):
        monkeypatch.setattr(bulk_previews, "MOST_READ", 2)
        for _ in range(4):
            start(workspace, u1)
        assert "This page read a part of the sessions" in text_of(root, "?device_kind=unknown")
        assert revoke(root, "?device_kind=unknown").ended == 4

    def test_nothing_to_end_has_no_button(self, root, session):
        session.revoke(actor="test")
        page = text_of(root)
        assert "nothing will change" in page and 'name="reason"' not in page

    @pytest.mark.parametrize("query", ["?e=1", "?status_now=x", "?created=x", "?created__from=x"])
    def test_an_invalid_filter_leads_back_to_the_list_with_its_notice(self, root, session, query):
        assert root.get(PREVIEW + query)["Location"] == f"{LIST}?e=1"

    @pytest.mark.parametrize("query", ["?q=%00", f"?user={'9' * 40}", "?created__until=9999-12-31T23:59", "?q=%F0%9F"])
    def test_no_bytes_are_a_server_error(self, root, session, query):
        assert root.get(PREVIEW + query).status_code in (200, 302, 400)

    def test_hostile_names_are_escaped(self, root, workspace):
        start(workspace, get_user_model().objects.create_user("<script>alert(1)</script>"))
        assert "<script>alert" not in text_of(root) + text_of(root, "?q=%3Cscript%3Ealert(1)")

    @pytest.mark.parametrize("many", [1, 12])
    def test_the_number_of_queries_is_fixed(self, root, workspace, u1, many):
        for _ in range(many):
            start(workspace, u1)
        root.get(PREVIEW)
        with CaptureQueriesContext(connection) as queries:
            root.get(f"{PREVIEW}?device_kind=unknown&status_now=live")
        assert len(queries) == 15


class TestSet:
    def test_a_session_that_begins_after_the_preview_stays(self, root, workspace, session, u1):
        form = previewed(root)
        later = start(workspace, u1)
        root.post(PREVIEW, {**form, "everything": "on"})
        assert is_live(later) and not is_live(session)

    def test_the_filter_of_the_preview_counts_not_that_of_the_address(self, root, workspace, u1, u2):
        chosen, other = start(workspace, u1), start(workspace, u2)
        root.post(PREVIEW, previewed(root, f"?user={u1.pk}"))
        assert is_live(other) and not is_live(chosen)

    def test_a_search_means_the_users_that_it_found(self, root, workspace, u1, u2):
        chosen, other = start(workspace, u1), start(workspace, u2)
        form = previewed(root, "?q=u1")
        get_user_model().objects.filter(pk=u1.pk).update(username="x")
        get_user_model().objects.filter(pk=u2.pk).update(username="u1")
        root.post(PREVIEW, form)
        assert is_live(other) and not is_live(chosen)

    def test_an_hour_ago_stays_the_same_time(self, root, workspace, u1):
        form = previewed(root, "?created=1h")
        operator = get_user_model().objects.get(username="root")
        facts, _ = bulk_previews.unsigned(form["preview"], by=f"operator:{operator.pk}")
        assert facts.filters == {"created__from": [(facts.as_of - timedelta(hours=1)).isoformat()]}

    def test_exactly_those_of_an_hour_of_the_chart(self, root, workspace, u1):
        hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
        before, first, last, after = (start(workspace, u1, at=hour + timedelta(minutes=m)) for m in (-1, 0, 59, 60))
        query = f"?created__from={hour:%Y-%m-%dT%H:%M}&created__until={hour:%Y-%m-%dT%H}:59"
        assert revoke(root, query).ended == 2
        assert [is_live(each) for each in (before, first, last, after)] == [True, False, False, True]

    def test_what_ended_in_between_is_counted_as_over(self, root, workspace, u1, session):
        form = previewed(root, "?status_now=live")
        start(workspace, u1)
        session.end(actor="test")
        root.post(PREVIEW, {**form, "everything": "on"})
        row = BulkRevocation.objects.get()
        assert (row.ended, row.already_over, row.not_reached) == (0, 1, 0)

    def test_another_operator_cannot_use_the_preview(self, root, session):
        form = previewed(root)
        other = operator_with("bulk_revoke_usersession", "view_usersession")
        assert "too old" in other.post(PREVIEW, {**form, "everything": "on"}).content.decode()
        assert is_live(session)

    @pytest.mark.parametrize("preview", ["", "x", "a:b:c"])
    def test_a_preview_that_was_altered_is_asked_again(self, root, session, preview):
        answer = root.post(PREVIEW, {"preview": preview, "reason": "x", "everything": "on"})
        assert "too old" in answer.content.decode() and is_live(session)

    @pytest.mark.parametrize("scanned", [1, 2, 2000])
    @pytest.mark.parametrize("batch", [1, 3])
    def test_any_size_of_batches_ends_each_once(self, root, workspace, u1, monkeypatch, scanned, batch):
        monkeypatch.setattr(bulk_batches, "BATCH", batch)
        monkeypatch.setattr(bulk_batches, "SCANNED", scanned)
        at = timezone.now() - timedelta(hours=1)
        sessions = [start(workspace, u1, at=at + timedelta(seconds=n // 3)) for n in range(8)]
        other = start(workspace, u1, at=at, impersonator={"sub": "user_9"})
        row = revoke(root, "?impersonated=no")
        assert (row.ended, row.percent, is_live(other)) == (8, 100, True)
        ended = Event.objects.filter(type="user_session.revoked", data__bulk_revocation=row.pk)
        assert sorted(ended.values_list("subject", flat=True)) == sorted(each.pk for each in sessions)


class TestConfirmation:
    @pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
    def test_a_reason_is_required(self, root, session, reason):
        answer = root.post(PREVIEW, {**previewed(root), "everything": "on", "reason": reason})
        assert answer.context["form"].errors["reason"] and is_live(session)

    @pytest.mark.parametrize("query", ["", "?status_now=live", "?created__from=1970-01-01", "?impersonated=no"])
    def test_a_filter_that_matches_everything_asks_twice(self, root, session, query):
        assert "every live session" in text_of(root, query)
        answer = root.post(PREVIEW, previewed(root, query))
        assert answer.context["form"].errors["everything"] and is_live(session)

    def test_everything_of_a_workspace_asks_twice_too(self, root, session, elsewhere, u2):
        start(elsewhere, u2)
        assert "every live session" in text_of(root, f"?workspace__id__exact={session.workspace_id}")

    def test_another_filter_asks_once(self, root, workspace, u1, u2):
        start(workspace, u1), start(workspace, u2)
        assert "every live session" not in text_of(root, f"?user={u1.pk}")

    def test_sent_twice_it_begins_once(self, root, session):
        form = {**previewed(root), "everything": "on"}
        for _ in range(2):
            root.post(PREVIEW, form)
        assert BulkRevocation.objects.count() == 1

    def test_two_operators_end_with_one_record_for_each_session(self, root, session):
        other = operator_with("bulk_revoke_usersession", "view_usersession")
        forms = [{**previewed(each), "everything": "on"} for each in (root, other)]
        for client, form in zip((root, other), forms, strict=True):
            client.post(PREVIEW, form)
        assert sorted(BulkRevocation.objects.values_list("ended", "already_over")) == [(0, 1), (1, 0)]
        assert Event.objects.filter(type="user_session.revoked").count() == 1


class TestOwnSession:
    """The operator uses the console with a user session of their own."""

    @pytest.fixture
    def root(self, settings, workspace) -> Client:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "user_sessions.middleware.UserSessionMiddleware"]
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root"))
        return client

    @pytest.fixture
    def own(self, root) -> UserSession:
        return UserSession.objects.get(user__username="root")

    def test_it_is_left_out_and_the_pages_say_so(self, root, own, workspace, u1):
        other = start(workspace, u1)
        assert "Your own session of this console is left out." in text_of(root)
        row = revoke(root)
        assert is_live(own) and not is_live(other) and (row.ended, row.left_out) == (1, own.pk)
        assert "left out: the operator&#x27;s own session" in root.get(page_of(row)).content.decode()

    def test_a_filter_that_does_not_match_it_does_not_name_it(self, root, own, workspace, u1):
        start(workspace, u1)
        assert "left out" not in text_of(root, f"?user={u1.pk}")


@pytest.mark.parametrize("address", [PREVIEW, f"{PAGES}x/run/", f"{PAGES}x/stop/"])
def test_each_batch_commits_also_with_atomic_requests(address):
    assert resolve(address).func._non_atomic_requests == set(connections)


class TestRecord:
    def test_the_events_name_filter_counts_reason_and_operator(self, root, session):
        row = revoke(root, "?status_now=live")
        started, finished = Event.objects.filter(subject=row.pk).order_by("pk")
        assert (started.type, finished.type) == ("bulk_revocation.started", "bulk_revocation.finished")
        assert finished.data["filter"] == {"status_now": ["live"]} and finished.data["reason"] == "an attack"
        assert finished.data["ended"] == 1 and finished.actor == row.actor
        of_session = Event.objects.get(type="user_session.revoked")
        assert of_session.data == {"reason": "an attack", "bulk_revocation": row.pk}

    def test_django_logs_one_entry_for_the_whole(self, root, workspace, u1):
        start(workspace, u1), start(workspace, u1)
        row = revoke(root)
        entry = LogEntry.objects.get()
        assert entry.object_id == row.pk and entry.get_change_message().startswith("bulk_revocation.started (event ")

    @pytest.mark.django_db
    def test_view_only_staff_forge_nothing_and_each_attempt_is_an_event(self, session, root):
        form, row = previewed(root), revoke(root)
        staff = operator_with("view_usersession", "view_bulkrevocation", "revoke_usersession")
        page = f"{PAGES}{quote(row.pk)}"
        for address in (PREVIEW, f"{page}/run/", f"{page}/stop/"):
            assert staff.post(address, form).status_code == 403
        refused = Event.objects.filter(type=REFUSED)
        assert [each.data["permission"] for each in refused] == ["user_sessions.bulk_revoke_usersession"] * 3
        assert staff.get(PREVIEW).status_code == staff.get(f"{page}/download/csv/").status_code == 403
        assert staff.get(f"{page}/change/").status_code == 200

    def test_an_action_on_all_pages_of_the_list_needs_the_permission_too(self, session):
        staff = operator_with("view_usersession", "revoke_usersession")
        form = {"action": "revoke", "_selected_action": [session.pk], "confirmed": "yes", "reason": "x"}
        assert staff.post(LIST, {**form, "select_across": "1"}).status_code == 403 and is_live(session)
        assert staff.post(LIST, form).status_code == 302 and not is_live(session)


def page_of(row: BulkRevocation, name="change") -> str:
    return f"{PAGES}{quote(row.pk)}/{name}/"


class TestLongOnes:
    @pytest.fixture
    def begun(self, root, workspace, u1, monkeypatch) -> BulkRevocation:
        """Return one of five sessions, of which the first request ended one."""
        monkeypatch.setattr(bulk_batches, "BATCH", 1)
        monkeypatch.setattr(bulk_batches.work, "__kwdefaults__", {"seconds": 0, "at": None})
        for n in range(5):
            start(workspace, u1, at=timezone.now() - timedelta(minutes=5 - n))
        return revoke(root)

    def test_the_page_shows_progress_and_goes_on_by_itself(self, root, begun):
        page = root.get(page_of(begun)).content.decode()
        assert re.search(r'<progress id="gatepass-progress" max="100" value="20">', page)
        assert "data-gatepass-goes-on" in page and "user_sessions/bulk_revocation.js" in page

    def test_continue_works_without_javascript_until_all_are_ended(self, root, begun):
        for _ in range(5):
            assert root.post(page_of(begun, "run"))["Location"] == page_of(begun)
        begun.refresh_from_db()
        assert (begun.ended, begun.percent, UserSession.objects.live().count()) == (5, 100, 0)
        assert "data-gatepass-goes-on" not in root.get(page_of(begun)).content.decode()

    def test_it_is_stopped_and_continued(self, root, begun):
        root.post(page_of(begun, "stop"))
        page = root.get(page_of(begun)).content.decode()
        assert "data-gatepass-goes-on" not in page and ">4<" in page.replace("\n", "")
        assert 'name="after_stop"' in page
        root.post(page_of(begun, "stop"))
        root.post(page_of(begun, "run"))  # of the page that went on by itself
        begun.refresh_from_db()
        assert begun.ended == 1 and begun.stopped_at
        root.post(page_of(begun, "run"), {"after_stop": "1"})
        begun.refresh_from_db()
        assert begun.ended == 2
        types = Event.objects.filter(subject=begun.pk).order_by("pk").values_list("type", flat=True)
        assert [each.partition(".")[2] for each in types] == ["started", "stopped", "continued"]

    def test_a_stopped_one_does_no_work(self, root, begun):
        begun.stop(actor="test")
        chosen = bulk_batches.Chosen(UserSession.objects.all(), UserSession.objects.all())
        assert bulk_batches.next_batch(begun, chosen, actor="test").ended == 1

    def test_another_operator_may_continue_and_is_the_actor_of_what_follows(self, root, begun):
        other = operator_with("bulk_revoke_usersession")
        assert "data-gatepass-goes-on" not in other.get(page_of(begun)).content.decode()
        other.post(page_of(begun, "run"))
        last = Event.objects.filter(type="user_session.revoked").order_by("pk").last()
        assert last.actor == f"operator:{get_user_model().objects.get(username='operator').pk}"

    def test_a_filter_that_is_not_valid_any_more_stops_it(self, root, begun):
        BulkRevocation.objects.update(filters={"status_now": ["erased_user:1"]})
        assert "not valid any more" in root.post(page_of(begun, "run"), follow=True).content.decode()
        begun.refresh_from_db()
        assert begun.stopped_at and begun.ended == 1

    def test_a_get_changes_nothing(self, root, begun):
        assert root.get(page_of(begun, "run")).status_code == root.get(page_of(begun, "stop")).status_code == 405

    def test_a_session_of_another_transaction_comes_last(self, root, begun):
        begun.refresh_from_db()
        (first, *_) = bulk_batches.KEYSET.rows_after(UserSession.objects.live().order_by("-created_at", "-id"), None, 1)
        begun.waiting, begun.is_walked = [first.pk, "sess_gone"], True
        begun.save()
        for _ in range(2):
            root.post(page_of(begun, "run"))
        begun.refresh_from_db()
        assert (begun.ended, begun.already_over) == (2, 1) and begun.finished_at
        assert not is_live(first)

    def test_the_progress_of_an_uncounted_set_is_that_of_its_time(self, begun):
        begun.expected = None
        begun.position_at = begun.newest_at - (begun.newest_at - begun.oldest_at) * 0.255
        assert begun.percent == 25 and begun.not_reached is None

    def test_a_batch_is_a_fixed_number_of_statements(self, root, workspace, u1, monkeypatch):
        counts = []
        for many in (2, 20):
            monkeypatch.setattr(bulk_batches, "BATCH", many)
            for _ in range(many):
                start(workspace, u1)
            with CaptureQueriesContext(connection) as queries:
                revoke(root, "?status_now=live")
            counts.append(len([q for q in queries if "LIMIT" not in q["sql"] and "sessions_core_event" in q["sql"]]))
        chosen = bulk_batches.Chosen(UserSession.objects.all(), UserSession.objects.all())
        BulkRevocation.objects.update(finished_at=None, is_walked=False, position_at=None)
        row = BulkRevocation.objects.first()
        with CaptureQueriesContext(connection) as queries:
            bulk_batches.next_batch(row, chosen, actor="test")
        assert len(queries) <= 9 and counts[0] == counts[1]
        texts = [query["sql"] for query in queries]
        begin = next(place for place, sql in enumerate(texts) if sql.startswith("SAVEPOINT"))
        # On SQLite every writer waits for the transaction, so the index is read before it.
        assert [sql for sql in texts[:begin] if "LIMIT" in sql]
        assert not [sql for sql in texts[begin:] if "ORDER BY" in sql and "LIMIT" in sql and "usersession" in sql]

    def test_a_batch_that_another_request_did_is_not_done_again(self, begun):
        chosen = bulk_batches.Chosen(UserSession.objects.all(), UserSession.objects.all())
        seen = BulkRevocation.objects.get()
        assert bulk_batches.next_batch(begun, chosen, actor="test").ended == 2
        late = bulk_batches.next_batch(seen, chosen, actor="test")
        assert (late.ended, late.already_over, UserSession.objects.live().count()) == (2, 0, 3)


class TestDownload:
    @pytest.fixture
    def row(self, root, workspace, u1) -> BulkRevocation:
        start(workspace, u1), start(workspace, u1)
        elsewhere = start(workspace, u1)
        elsewhere.revoke(actor="test", reason="another")
        return revoke(root, reason="=1+1")

    def content(self, root, row, format) -> bytes:
        response = root.get(page_of(row, f"download/{format}"))
        assert response.streaming
        return b"".join(response.streaming_content)

    def test_csv_names_filter_time_and_operator_and_neutralises_formulas(self, root, row, u1):
        about, columns, *rows = csv.reader(io.StringIO(self.content(root, row, "csv").decode()))
        facts = json.loads(about[0].removeprefix("# "))
        assert facts["by"] == row.actor and facts["at"] and facts["filter"] == {} and facts["ended"] == 2
        assert columns[:2] == ["session", "user"]
        ended = Event.objects.filter(type="user_session.revoked", data__bulk_revocation=row.pk)
        assert {each[0] for each in rows[:-1]} == set(ended.values_list("subject", flat=True))
        assert {(each[1], each[5]) for each in rows[:-1]} == {(f"user_{u1.pk}", "'=1+1")}

    @pytest.mark.parametrize("format", ["csv", "jsonl"])
    def test_a_changed_file_is_noticed(self, root, row, format, tmp_path):
        file = tmp_path / f"x.{format}"
        file.write_bytes(self.content(root, row, format))
        call_command("check_download", str(file))
        for changed in (file.read_bytes().replace(b"sess_", b"sess-", 1), file.read_bytes()[:-90], b""):
            file.write_bytes(changed)
            with pytest.raises(CommandError, match="changed"):
                call_command("check_download", str(file))

    def test_an_older_key_still_verifies(self, root, row, tmp_path, settings):
        file = tmp_path / "x.csv"
        old = "o" * 32
        settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TOKEN_KEYS": [old]}
        file.write_bytes(self.content(root, row, "csv"))
        settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TOKEN_KEYS": ["n" * 32, old]}
        call_command("check_download", str(file))
        settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "TOKEN_KEYS": ["n" * 32]}
        with pytest.raises(CommandError):
            call_command("check_download", str(file))

    def test_a_missing_file_is_no_traceback(self):
        with pytest.raises(CommandError, match="Cannot read"):
            call_command("check_download", "/nonexistent/file")

    @pytest.mark.parametrize("page", ["download/xml", "download/csv"])
    def test_an_unknown_format_or_id_is_not_found(self, root, row, page):
        row.pk = "bulk_none" if page.endswith("csv") else row.pk
        assert root.get(page_of(row, page)).status_code == 404


class TestPersonalData:
    def rows(self, user) -> list[dict]:
        return next(each["rows"] for each in export_user(user)["sections"] if each["name"] == "bulk_revocations")

    def test_the_operator_and_those_whom_the_filter_names_have_it_in_their_export(self, root, workspace, u1, u2):
        start(workspace, u1), start(workspace, u2)
        revoke(root, "?q=u1")
        operator = get_user_model().objects.get(username="root")
        assert len(self.rows(operator)) == len(self.rows(u1)) == 1 and self.rows(u2) == []
        assert self.rows(operator)[0]["actor"] == f"operator:{operator.pk}" and self.rows(u1)[0]["actor"] == "operator"

    def test_an_erasure_leaves_no_trace_of_the_operator(self, root, session):
        row = revoke(root)
        operator = get_user_model().objects.get(username="root")
        assert erase_user(operator, actor="test")["bulk_revocations"] == 1
        row.refresh_from_db()
        assert row.actor.startswith("erased_user:") and row.reason == "an attack"

    @pytest.mark.parametrize("query", ["?q=u1", "?user={0}", "?id={1}", "?client={2}"])
    def test_an_erasure_leaves_no_trace_of_those_whom_the_filter_names(self, root, session, u1, query):
        row = revoke(root, query.format(u1.pk, session.pk, session.client_id), reason="u1 asked")
        erase_user(u1, actor="test")
        row.refresh_from_db()
        stored = json.dumps([row.filters, row.found, row.reason, list(Event.objects.values_list("data", flat=True))])
        assert "u1" not in stored and session.pk not in stored and row.ended == 1

    def test_it_is_kept_as_long_as_events(self, root, session):
        row = revoke(root)
        kind = kind_named("bulk_revocations")
        assert clean(kind, at=row.started_at + timedelta(days=364)).deleted == 0
        assert clean(kind, at=row.started_at + timedelta(days=366)).deleted == 1
