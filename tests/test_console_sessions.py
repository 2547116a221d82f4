"""An operator's console session: it is in the list of sessions, it ends, and the database does not reveal it."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from sessions_core.models import Workspace
from sessions_project.operator_sessions import operator_limits
from tests.dump import dump
from user_sessions.limits import Limits
from user_sessions.models import UserSession

PAGE = "/admin/client_sessions/clientsession/"
SESSIONS = "/admin/user_sessions/usersession/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def operator(db: None) -> Client:
    get_user_model().objects.create_superuser("operator", password="a long enough word")
    client = Client()
    assert client.login(username="operator", password="a long enough word")
    return client


def is_console_session(cookie: str) -> bool:
    stranger = Client()
    stranger.cookies[settings.SESSION_COOKIE_NAME] = cookie
    return stranger.get(PAGE).status_code == 200


def test_a_dump_of_the_database_contains_no_console_session(operator):
    cookie = operator.cookies[settings.SESSION_COOKIE_NAME].value
    assert is_console_session(cookie)
    found = dump()
    assert Session.objects.get().session_key in found
    assert cookie not in found
    assert [text for text in found if text.isascii() and text.isprintable() and is_console_session(text)] == []


def test_signing_out_ends_the_console_session(operator):
    cookie = operator.cookies[settings.SESSION_COOKIE_NAME].value
    operator.post("/admin/logout/")
    assert not is_console_session(cookie)
    assert not Session.objects.exists()


def test_session_data_can_be_read_again(operator):
    session = operator.session
    session["seen"] = True
    session.save()
    assert operator.session["seen"] is True
    assert Session.objects.count() == 1


def on_firefox() -> Client:
    """Sign the operator in once more, on the sign-in page."""
    client = Client(REMOTE_ADDR="192.0.2.7", headers={"user-agent": FIREFOX})
    client.post("/admin/login/", {"username": "operator", "password": "a long enough word"})
    return client


def is_signed_out(client: Client) -> bool:
    answer = client.get(PAGE)
    return answer.status_code == 302 and answer["Location"].startswith("/admin/login/")


def test_it_is_in_the_list_with_its_device_and_address(operator):
    on_firefox()
    session = UserSession.objects.latest("created_at")
    assert (session.user.username, session.amr) == ("operator", ["pwd"])
    row = operator.get(f"{SESSIONS}?q={session.pk}").content.decode()
    assert "Firefox" in row and "192.0.2.7" in row


def test_it_ends_after_an_hour_without_use_or_after_twelve_hours(operator):
    session = UserSession.objects.get()
    assert session.expire_at - session.created_at == timedelta(hours=1)
    assert session.latest_expire_at - session.created_at == timedelta(hours=12)


def test_its_use_extends_it_within_the_twelve_hours(operator):
    session = UserSession.objects.get()
    session.touch(at=session.created_at + timedelta(minutes=50))
    assert session.expire_at - session.created_at == timedelta(minutes=110)
    for minutes in range(100, 720, 50):
        session.touch(at=session.created_at + timedelta(minutes=minutes))
    assert session.expire_at - session.created_at == timedelta(hours=12)


def test_a_use_is_written_at_a_click(operator):
    earlier = timezone.now() - timedelta(minutes=5)
    UserSession.objects.update(last_active_at=earlier)
    operator.get(PAGE)
    assert UserSession.objects.get().last_active_at > earlier


def test_after_its_end_the_next_click_leads_to_the_sign_in_page(operator):
    UserSession.objects.update(expire_at=timezone.now())
    assert is_signed_out(operator)
    assert not Session.objects.exists()


def test_ending_it_in_the_console_signs_that_browser_out(operator):
    stolen = on_firefox()
    session = UserSession.objects.latest("created_at")
    form = {"action": "revoke", "_selected_action": [session.pk], "confirmed": "yes", "reason": "stolen laptop"}
    assert not is_signed_out(stolen)
    operator.post(SESSIONS, form)
    assert is_signed_out(stolen) and not is_signed_out(operator)


def test_signing_out_ends_it(operator):
    operator.post("/admin/logout/")
    assert UserSession.objects.get().status == "ended"


def test_the_page_that_asks_for_the_password_leads_back(operator):
    UserSession.objects.update(verified_at=timezone.now() - timedelta(minutes=16))
    address = "/admin/sessions_core/apikey/add/"
    page = operator.get(address)["Location"]
    assert "sessions_core/product.css" in operator.get(page).content.decode()
    answer = operator.post(page, {"password": "a long enough word", "next": address})
    assert answer["Location"] == address and operator.get(address).status_code == 200


def test_the_form_of_an_epoch_says_that_it_signs_the_operator_out(operator):
    Workspace.objects.update(name="<b>Ours")
    page = operator.get("/admin/user_sessions/epoch/add/").content.decode()
    assert "is in the workspace &lt;b&gt;Ours: an epoch of it signs you out too." in page


def test_other_users_have_no_such_limits():
    assert operator_limits(get_user_model()(is_staff=False), None, Workspace()) == Limits()


def test_with_several_workspaces_it_is_in_the_default_one(db, workspace, elsewhere, settings):
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "DEFAULT_WORKSPACE": str(elsewhere.pk)}
    get_user_model().objects.create_superuser("operator", password="a long enough word")
    on_firefox()
    assert UserSession.objects.get().workspace == elsewhere


def test_a_request_outside_the_console_does_not_look_for_it(operator, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = operator.get("/health")
    assert not hasattr(answer.wsgi_request, "user_session")
