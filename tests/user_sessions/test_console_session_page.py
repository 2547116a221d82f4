"""The console's page of one session: its time line, tokens, other sessions, and signing a user out everywhere."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_core.models import Event
from tests.templates_of import no_inline
from tests.user_sessions.test_console_actions import CONFIRMED, LIST, address, is_live, operator_with, page_of
from tests.user_sessions.test_console_sessions_list import IPHONE, start
from user_sessions.models import Definition, JwtTemplate, UserSession
from user_sessions.user_agents import device_of

pytestmark = pytest.mark.usefixtures("unseen_operators")


@pytest.fixture
def root(db) -> Browser:
    client = Browser()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def text_of(root, session) -> str:
    return root.get(page_of(session)).content.decode()


def test_one_time_line_has_events_devices_actors_and_reasons(root, workspace, u1):
    session = start(workspace, u1)
    session.activities.model.objects.note(session, device_of(IPHONE, "198.51.100.9"), at=timezone.now())
    operator = get_user_model().objects.get(username="root")
    session.revoke(actor=f"operator:{operator.pk}", reason="stolen phone")
    line = re.search(r'<ol class="gatepass-timeline">.*</ol>', text_of(root, session), re.DOTALL)[0]
    happened = re.findall(r"user_session\.\w+|used with [\w .]+", line)
    assert happened == ["user_session.revoked", "used with Mobile Safari 18.0 on iPhone", "user_session.created",
                        "used with Firefox 140.0 on Linux"]  # fmt: skip
    assert f"by operator:{operator.pk} (root): stolen phone" in line


def test_each_event_links_its_page_which_is_the_proof(root, session):
    root.post(address(session), CONFIRMED)
    event = Event.objects.get(type="user_session.revoked")
    link = f"/admin/sessions_core/event/{event.pk}/change/"
    assert link in text_of(root, session)
    proof = root.get(link).content.decode()
    for fact in (
        "user_session.revoked",
        "(root)",
        "stolen phone",
        f"{event.created_at:%Y-%m-%d %H:%M:%S} +0000",
        session.pk,
    ):
        assert fact in proof
    assert f'href="{page_of(session)}"' in proof


def test_it_says_until_when_tokens_can_be_valid(root, workspace, session):
    definition = Definition(name="for billing", claims={}, lifetime=600)
    JwtTemplate.objects.define(workspace, definition, actor="test")
    live = text_of(root, session)
    assert "Session tokens: valid for 60 seconds" in live
    assert "Tokens of the template for billing: valid for 600 seconds" in live
    session.revoke(actor="test")
    closed_at = UserSession.objects.get().closed_at
    over = text_of(root, session)
    assert f"{closed_at + timedelta(minutes=10):%Y-%m-%d %H:%M:%S} +0000" in over
    assert "the last one is valid until" in over


def test_it_lists_the_other_sessions_of_the_user_and_of_the_client(root, workspace, u1, u2):
    session = start(workspace, u1)
    elsewhere = start(workspace, u1, agent=IPHONE)
    beside = start(workspace, u2, client=session.client)
    page = text_of(root, session)
    for other in (elsewhere, beside):
        assert page_of(other) in page
    assert f"{LIST}?user={u1.pk}" in page and f"{LIST}?client={session.client_id}" in page


def test_the_number_of_queries_is_fixed(root, workspace, u1):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            text_of(root, session)
        return len(queries)

    session = start(workspace, u1)
    text_of(root, session)
    one = count()
    for _ in range(12):
        start(workspace, u1)
    for n in range(5):
        Event.objects.record("user_session.x", subject=session.pk, workspace_id=workspace.pk, actor=f"operator:{n}")
    assert one <= 16 and count() <= one + 1  # one for the names of the operators


def test_the_confirmation_says_what_will_happen(root, workspace, u1):
    first, second = start(workspace, u1), start(workspace, u1, agent=IPHONE)
    question = root.get(address(first, "revoke_all_of_user")).content.decode()
    assert "Live sessions that will end: 2. Users: 1." in question
    assert f"The oldest began at {first.created_at:%Y-%m-%d %H:%M:%S} +0000" in question
    assert "accept those already minted until" in question
    one = root.get(address(second)).content.decode()
    assert "u1 · Mobile Safari 18.0 on iPhone · 192.0.2.7 · Active · last seen" in one


def test_a_session_that_is_over_has_nothing_to_end(root, session):
    session.revoke(actor="test")
    assert "None of these sessions is live: nothing will change." in root.get(address(session)).content.decode()
    assert "0 of 1 revoked." in root.post(address(session), CONFIRMED, follow=True).content.decode()


def test_end_and_revoke_record_what_they_are(root, workspace, u1):
    ended, revoked = start(workspace, u1), start(workspace, u1)
    root.post(address(ended, "end"), CONFIRMED)
    root.post(address(revoked, "revoke"), CONFIRMED)
    assert [UserSession.objects.get(pk=each.pk).status for each in (ended, revoked)] == ["ended", "revoked"]
    assert set(UserSession.objects.values_list("close_reason", flat=True)) == {"stolen phone"}


def test_everywhere_is_every_workspace_of_the_user_and_no_other_user(root, workspace, elsewhere, u1, u2):
    here, there, other = start(workspace, u1), start(elsewhere, u1), start(workspace, u2)
    done = root.post(address(here, "revoke_all_of_user"), CONFIRMED, follow=True)
    assert not is_live(here) and not is_live(there) and is_live(other)
    assert "2 sessions revoked." in done.content.decode()


class TestOwnSession:
    """The operator uses the console with a user session of their own."""

    @pytest.fixture(autouse=True)
    def installed(self, settings):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "user_sessions.middleware.UserSessionMiddleware"]

    @pytest.fixture
    def own(self, root, workspace) -> UserSession:
        return UserSession.objects.get(user__username="root")

    def test_everywhere_leaves_it_out_and_says_so(self, root, own, workspace):
        other = start(workspace, own.user)
        left_out = "Your own session of this console is left out."
        assert left_out in root.get(address(other, "revoke_all_of_user")).content.decode()
        root.post(address(other, "revoke_all_of_user"), CONFIRMED)
        assert is_live(own) and not is_live(other)

    def test_its_page_has_no_button_and_its_row_says_whose_it_is(self, root, own):
        assert address(own) not in text_of(root, own)
        assert "your own session" in root.get(LIST).content.decode()

    def test_a_whole_list_leaves_it_out(self, root, own, workspace, u1):
        other = start(workspace, u1)
        chosen = {"action": "revoke", "_selected_action": ["any"], "select_across": "1", **CONFIRMED}
        root.post(LIST, chosen)
        assert is_live(own) and not is_live(other)

    def test_a_client_leaves_it_out(self, root, own):
        page = f"/admin/user_sessions/client/{own.client_id.replace('_', '_5F')}/act/revoke_sessions/"
        assert "is left out" in root.get(page).content.decode()
        root.post(page, CONFIRMED)
        assert is_live(own)


@pytest.mark.django_db
def test_the_permission_to_revoke_does_not_end(session):
    client = operator_with("view_usersession", "revoke_usersession")
    assert client.post(address(session, "end"), CONFIRMED).status_code == 403
    assert is_live(session)


def test_no_page_has_anything_inline(root, session):
    """A strict Content-Security-Policy allows no inline script, style or event attribute."""
    pages = [LIST, page_of(session), address(session), f"{LIST}sess/history/", "/admin/sessions_core/event/"]
    for page in pages:
        assert no_inline(root.get(page, follow=True).content.decode()) == []
