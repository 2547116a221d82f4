"""The page behind the link "This was not me": a GET changes nothing, and a POST signs the device out."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client as Handler
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from sessions_core.models import Event, Workspace
from sessions_core.personal_data import erase_user, export_user
from tests.user_sessions.device_pages import CHROME, FIREFOX, PASSWORD, Device
from tests.user_sessions.frontend import PAGE, Browser
from tests.user_sessions.new_devices import install, only_mail, path_in
from user_sessions.models import Activity, Status, UserSession
from user_sessions.tokens.device_tokens import not_me_token, read_not_me_token
from user_sessions.tokens.refresh_tokens import refresh_token
from user_sessions.tokens.session_tokens import session_token

pytestmark = pytest.mark.django_db(transaction=True)

REASON = 'the user said "this was not me"'


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", "ann@example.com", PASSWORD)


@pytest.fixture
def own(ann: User) -> Device:
    return Device(ann)


@pytest.fixture
def intruder(own: Device, ann: User) -> Device:
    """Return a device of another person who knows the password."""
    return Device(ann, CHROME)


@pytest.fixture
def link(intruder: Device) -> str:
    return path_in(only_mail())


@pytest.fixture
def reader() -> Handler:
    """Return a browser that is signed in nowhere, of which other pages would ask for a token of their form."""
    return Handler(enforce_csrf_checks=True)


def submit(reader: Handler, link: str) -> Any:
    """Open the link and press the button."""
    assert '<form method="post">' in reader.get(link).text
    return reader.post(link)


def ends() -> list[Event]:
    return list(Event.objects.filter(type="user_session.revoked"))


def disowned() -> list[Event]:
    return list(Event.objects.filter(type="user_session.disowned"))


def intruder_client(link: str) -> str:
    return UserSession.objects.get(pk=read_not_me_token(link.split("/")[3])).client_id


def test_opening_the_link_changes_nothing_however_often(reader, intruder, link):
    with CaptureQueriesContext(connection) as queries:
        answers = [reader.head(link), *(reader.get(link) for _ in range(10))]
    assert {answer.status_code for answer in answers} == {200}
    assert [each for each in queries.captured_queries if not each["sql"].startswith("SELECT")] == []
    assert len(queries) == 11 * 2
    assert (ends(), intruder.is_signed_in) == ([], True)


def test_the_button_signs_the_device_out_and_the_event_says_who_and_why(reader, own, intruder, link):
    session = intruder.session
    answer = submit(reader, link)
    assert answer.status_code == 200
    assert "The device is signed out." in answer.text
    assert (intruder.is_signed_in, own.is_signed_in) == (False, True)
    (event,) = ends()
    assert (event.subject, event.actor, event.data["reason"]) == (session.pk, f"new_device_mail:{session.pk}", REASON)
    session.refresh_from_db()
    assert (session.status, session.closed_by) == (Status.REVOKED, f"new_device_mail:{session.pk}")


def test_its_refresh_token_and_new_session_tokens_are_dead(reader, backend, intruder, link):
    session, now = intruder.session, timezone.now()
    row = UserSession.minting(session.workspace, session.pk)
    tokens = [session_token(row, at=now - timedelta(minutes=age), authorized_party=PAGE) for age in (2, 3)]
    answers = []
    for expired in tokens:
        given = {"expired_token": expired, "refresh_token": refresh_token(session), "request_origin": PAGE}
        given |= {"request_headers": {}, "request_originating_ip": "127.0.0.1", "format": "token"}
        answers.append(backend.request("POST", f"v1/sessions/{session.pk}/refresh", given))
        if len(answers) == 1:
            submit(reader, link)
    assert [each.status_code for each in answers] == [200, 401]
    assert UserSession.minting(session.workspace, session.pk) is None
    assert backend.post(f"v1/sessions/{session.pk}/tokens").status_code == 404


def test_a_device_of_the_frontend_api_is_signed_out_too(at_home, ann, reader):
    for browser in (Browser(), intruder := Browser()):
        browser.post("v1/client/sign_ins", identifier="ann", password=PASSWORD)
    session = UserSession.objects.latest("created_at")
    assert intruder.verb(session, "tokens").status_code == 200
    submit(reader, path_in(only_mail()))
    assert intruder.verb(session, "tokens").status_code in (401, 404)


def test_a_second_press_is_answered_the_same_and_records_nothing(reader, link):
    answers = [reader.post(link) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "This device is signed out already." in answers[1].text
    assert len(ends()) == len(disowned()) == 1
    assert "<form" not in reader.get(link).text


def test_a_later_sign_in_in_the_browser_of_the_intruder_is_ended_too(reader, intruder, link):
    intruder.client.post("/login/", {"username": "ann", "password": PASSWORD})
    assert intruder.is_signed_in
    submit(reader, link)
    assert not intruder.is_signed_in


def test_an_intruder_who_signs_out_first_does_not_make_the_device_known(reader, intruder, link):
    intruder.client.post("/logout/")
    assert "The device is signed out." in submit(reader, link).text
    assert ends() == []
    intruder.client.post("/login/", {"username": "ann", "password": PASSWORD})
    first, second = mail.outbox
    assert path_in(first) == link != path_in(second)


def test_the_link_of_the_first_mail_works_again_after_another_sign_in(reader, intruder, link):
    for _ in range(2):
        assert "The device is signed out." in submit(reader, link).text
        intruder.client.post("/login/", {"username": "ann", "password": PASSWORD})
    submit(reader, link)
    assert not intruder.is_signed_in
    assert len(ends()) == len(disowned()) == 3


def test_a_session_that_a_deactivation_suspended_does_not_return(reader, ann, intruder, link):
    User.objects.update(is_active=False)
    submit(reader, link)
    User.objects.update(is_active=True)
    assert not intruder.is_signed_in


def test_all_sessions_on_the_device_are_disowned_by_one_press(reader, intruder, link):
    intruder.client.post("/login/", {"username": "ann", "password": PASSWORD})
    submit(reader, link)
    of_intruder = UserSession.objects.filter(client=intruder_client(link)).values_list("pk", flat=True)
    assert len(of_intruder) == 2
    assert sorted(each.subject for each in disowned()) == sorted(of_intruder)
    assert {each.actor for each in disowned()} == {f"new_device_mail:{read_not_me_token(link.split('/')[3])}"}


def test_two_presses_at_once_end_it_once(at_once, link):
    def press() -> int:
        try:
            return submit(Handler(enforce_csrf_checks=True), link).status_code
        finally:
            connection.close()

    def safely() -> Any:
        try:
            return press()
        except Exception as error:
            return type(error).__name__

    assert 200 in at_once(safely, safely)
    assert len(ends()) == len(disowned()) == 1


def test_it_needs_no_cookie_and_logs_no_link_that_works(caplog, link):
    reader = Handler(enforce_csrf_checks=True)
    assert [reader.get(link).cookies, reader.post(link).cookies] == [{}, {}]
    assert "not_me_" not in caplog.text
    assert len(ends()) == 1


def test_the_page_asks_for_a_new_password_where_the_host_allows_it(settings, reader, ann, link):
    assert 'href="/password/reset/"' in submit(reader, link).text
    ann.set_unusable_password()
    ann.save()
    assert "/password/reset/" not in reader.get(link).text
    assert 'href="/devices/"' in reader.get(link).text


def test_a_host_without_such_a_page_shows_no_link(settings, reader, link):
    settings.ROOT_URLCONF = "tests.user_sessions.device_pages"
    answer = submit(reader, link)
    assert "The device is signed out." in answer.text
    assert "password" not in answer.text


def test_it_works_in_a_browser_where_another_user_is_signed_in(own, intruder, link):
    bob = User.objects.create_user("bob", password=PASSWORD)
    device = Device(bob)
    assert device.client.post(link).status_code == 200
    assert (intruder.is_signed_in, device.is_signed_in, own.is_signed_in) == (False, True, True)


def test_it_works_where_every_other_page_needs_a_sign_in(settings, link, intruder):
    middleware = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    assert Handler().post(link).status_code == 200
    assert len(ends()) == 1


def test_the_address_reaches_no_cache_no_other_site_and_no_search_engine(reader, link):
    for path in (link, "/devices/not-me/x/"):
        headers = reader.get(path).headers
        assert "no-store" in headers["cache-control"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-robots-tag"] == "noindex"
        assert headers["x-frame-options"] == "DENY"


def test_the_page_needs_no_script_and_is_in_the_language_of_the_visitor(settings, link):
    first, *others = settings.MIDDLEWARE
    settings.MIDDLEWARE = [first, "django.middleware.locale.LocaleMiddleware", *others]
    with translation.override("en"):  # the middleware leaves its language behind
        text = Handler(headers={"accept-language": "de"}).get(link).text
    assert '<html lang="de"' in text
    assert "Das war ich nicht" in text
    assert "<script" not in text


def test_the_page_may_be_in_a_namespace_of_the_host(settings, ann):
    settings.ROOT_URLCONF = "tests.user_sessions.nested_devices"
    for agent in (FIREFOX, CHROME):
        Device(ann, agent)
    link = re.search(r"/account/devices/not-me/\S+", only_mail().body)
    assert link
    answers = [Handler().get(path) for path in (link[0], link[0].replace("/account/", "/staff/"))]
    assert [answer.context["devices_url"] for answer in answers] == ["/account/devices/", "/staff/devices/"]


# Links that are not valid


def altered(session: UserSession) -> dict[str, str]:
    token = not_me_token(session)
    other = not_me_token(UserSession(pk=f"sess_{'1' * 27}"))
    return {
        "altered": token[:-1] + ("1" if token[-1] != "1" else "2"),
        "of another session": token[: token.rindex("_")] + other[other.rindex("_") :],
        "unknown session": other,
        "cut": token[:-4],
        "longer": f"{token}x",
        "another kind": f"rt_{token.removeprefix('not_me_')}",
        "empty": "not_me_",
        "NUL": "%00",
        "not ASCII": "%C3%A9",
        "long": "x" * 2000,
    }


def test_an_invalid_link_gets_one_page_and_changes_nothing(intruder):
    pages = set()
    for token in altered(intruder.session).values():
        for answer in (Handler().get(f"/devices/not-me/{token}/"), Handler().post(f"/devices/not-me/{token}/")):
            assert answer.status_code == 404
            pages.add(answer.text)
    assert len(pages) == 1
    assert (ends(), intruder.is_signed_in) == ([], True)


def test_a_forged_link_costs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert Handler().get(f"/devices/not-me/not_me_{'1' * 27}_{'1' * 24}/").status_code == 404


def test_a_link_is_valid_for_seven_days(reader, intruder, link):
    session = UserSession.objects.filter(pk=intruder.session.pk)
    session.update(created_at=timezone.now() - timedelta(days=7, minutes=-1))
    assert reader.get(link).status_code == 200
    session.update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    late, unknown = reader.get(link), reader.get("/devices/not-me/x/")
    assert (late.status_code, late.text) == (404, unknown.text)
    assert Handler().post(link).status_code == 404
    assert ends() == []


def test_a_link_is_invalid_after_the_erasure_and_after_the_user_is_deleted(ann, link):
    erase_user(ann, actor="test")
    assert Handler().post(link).status_code == 404
    ann.delete()
    assert Handler().get(link).status_code == 404


def test_a_link_is_invalid_after_its_key_is_removed(settings, link):
    settings.SESSIONS_CORE = {"TOKEN_KEYS": ["t" * 40]}
    assert Handler().get(link).status_code == 404
    assert read_not_me_token(link.split("/")[3]) is None


def test_the_token_signs_nobody_in(link):
    token = link.split("/")[3]
    browser = Handler()
    for name in ("sessionid", "user_sessions_device", "__session", "__client"):
        browser.cookies[name] = token
    assert browser.get("/private/").status_code == 302
    assert browser.get("/private/", headers={"authorization": f"Bearer {token}"}).status_code == 302


def test_a_hostile_device_is_escaped_on_the_page(reader, link):
    Activity.objects.update(browser_name="<script>alert(1)</script>", city="<img src=x>", country="DE")
    text = reader.get(link).text
    assert "<script" not in text
    assert "<img" not in text


# Personal data


def test_the_export_has_the_event_and_the_erasure_the_pseudonym(ann, reader, link):
    submit(reader, link)
    events = next(each["rows"] for each in export_user(ann)["sections"] if each["name"] == "events")
    types = [each["type"] for each in events]
    assert (types.count("user_session.revoked"), types.count("user_session.disowned")) == (1, 1)
    erase_user(ann, actor="test")
    assert not Event.objects.filter(actor__startswith="new_device_mail:").exists()
    for type in ("user_session.revoked", "user_session.disowned"):
        event = Event.objects.filter(type=type).earliest("id")
        assert event.actor.startswith("erased_user:") and event.subject.startswith("erased_user:")
