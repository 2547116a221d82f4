"""The page "Your devices": which sessions it lists, and what its buttons do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation

from sessions_core.models import Event, Workspace
from tests.user_sessions import django_project
from tests.user_sessions.device_pages import CHROME, PAGE, Device, install
from tests.user_sessions.frontend import App
from user_sessions.models import Status, UserSession
from user_sessions.pages.device_words import methods_in_words, time_in_words

JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="first password")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="first password")


def test_both_browsers_are_listed_and_this_one_first(ann):
    here, there = Device(ann), Device(ann, CHROME)
    text = here.text()
    assert text.index("Firefox 145.0 on Windows") < text.index("Chrome 142.0 on Linux")
    assert text.count('<strong class="mark">This device') == 1
    assert here.listed() == [here.session.pk, there.session.pk]
    assert there.listed() == [there.session.pk, here.session.pk]
    assert [each["current"] for each in here.json()["sessions"]] == [True, False]


def test_the_page_says_how_a_user_signed_in_and_when(ann):
    here = Device(ann)
    UserSession.objects.update(created_at=timezone.now() - timedelta(days=1))
    text = " ".join(here.text().split())
    assert "<dt>Signed in with</dt><dd>password</dd>" in text
    assert "yesterday at" in text
    assert "today at" in text


def test_no_cache_stores_the_page_and_no_frame_shows_it(ann):
    headers = Device(ann).get().headers
    assert "no-store" in headers["cache-control"]
    assert headers["x-frame-options"] == "DENY"


def test_an_anonymous_caller_is_sent_to_sign_in(client):
    assert client.get(PAGE).headers["location"] == f"/login/?next={PAGE}"
    answer = client.get(PAGE, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_device_that_is_signed_out_is_anonymous_at_its_next_request(ann):
    here, there = Device(ann), Device(ann)
    answer = here.sign_out(there.session)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert "The device is signed out." in here.text()
    assert (there.is_signed_in, here.is_signed_in) == (False, True)
    event = Event.objects.get(type="user_session.revoked")
    assert (event.actor, event.data["reason"]) == (here.session.actor, "the user signed the device out")


@pytest.mark.parametrize("engine", ["db", "cached_db", "signed_cookies"])
def test_the_current_mark_survives_a_new_secret_key_and_the_other_device_is_out(settings, ann, engine):
    django_project.use_engine(settings, engine)
    here, there = Device(ann), Device(ann)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert [each["current"] for each in here.json()["sessions"]] == [True, False]
    here.post("sign-out-others/")
    assert (there.is_signed_in, here.is_signed_in) == (False, True)


def test_a_session_that_was_signed_out_is_in_the_second_list_for_four_weeks(ann):
    here, there = Device(ann), Device(ann, CHROME)
    ended = there.session
    here.sign_out(ended)
    assert [each["id"] for each in here.json()["ended_sessions"]] == [ended.pk]
    assert "Signed out in the last four weeks" in here.text()
    UserSession.objects.filter(pk=ended.pk).update(last_active_at=timezone.now() - timedelta(days=29))
    assert here.json()["ended_sessions"] == []


def test_signing_out_all_others_leaves_only_this_session(ann, bob):
    here, there, of_bob = Device(ann), [Device(ann) for _ in range(3)], Device(bob)
    assert here.post("sign-out-others/").status_code == 303
    assert [each.is_signed_in for each in there] == [False] * 3
    assert (here.is_signed_in, of_bob.is_signed_in) == (True, True)
    assert Event.objects.filter(type="user_session.revoked", actor=here.session.actor).count() == 3


def test_signing_out_this_device_signs_the_user_out(ann):
    here = Device(ann)
    session = here.session
    assert here.sign_out(session).status_code == 303
    assert not here.is_signed_in
    assert UserSession.objects.get(pk=session.pk).status == Status.ENDED


def test_a_session_of_the_frontend_api_is_listed_and_can_be_signed_out(ann, at_home):
    app, here = App(user_agent=CHROME), Device(ann)
    session = app.sign_in(ann)
    assert here.listed() == [here.session.pk, session.pk]
    here.sign_out(session)
    assert app.verb(session, "tokens").status_code == 401


def test_scripts_get_json(ann):
    here, there = Device(ann), Device(ann)
    session = there.session
    assert here.sign_out(session, **JSON).json() == {"signed_out": [session.pk]}
    assert here.sign_out(session, **JSON).json() == {"signed_out": []}
    assert here.post("sign-out-others/", **JSON).json() == {"signed_out": []}
    assert here.rename(here.session, "At work", **JSON).json() == {"name": "At work"}


def test_a_named_device_shows_its_name_and_what_it_is(ann):
    here = Device(ann)
    assert here.rename(here.session, "The tablet in the kitchen").status_code == 303
    assert "<bdi>The tablet in the kitchen</bdi>" in here.text()
    assert "<bdi>Firefox 145.0 on Windows</bdi>" in here.text()
    event = Event.objects.get(type="client.renamed")
    assert (event.subject, event.actor, event.data) == (here.session.client_id, here.session.actor, {})


def test_a_device_that_gets_the_name_it_has_records_nothing(ann):
    here = Device(ann)
    here.rename(here.session, "work")
    here.rename(here.session, " work ")
    assert Event.objects.filter(type="client.renamed").count() == 1


def test_an_impersonation_is_marked_without_the_name_of_the_impersonator(ann):
    here, there = Device(ann), Device(ann)
    UserSession.objects.filter(pk=there.session.pk).update(impersonator={"sub": "staff:7"})
    assert "Support staff signed in as you" in here.text()
    assert [each["is_impersonation"] for each in here.json()["sessions"]] == [False, True]
    assert "staff:7" not in here.text() + str(here.json())


class TestOfAnotherUser:
    @pytest.mark.parametrize("verb", ["sign-out", "rename"])
    def test_a_session_is_not_found(self, ann, bob, verb):
        here, of_bob = Device(ann), Device(bob)
        answer = here.post(f"{of_bob.session.pk}/{verb}/", {"name": "mine"})
        assert answer.status_code == 404
        assert of_bob.is_signed_in
        assert of_bob.session.client.name == ""
        unknown = here.post(f"sess_{'0' * 27}/{verb}/", {"name": "mine"})
        assert (unknown.status_code, unknown.content) == (404, answer.content)

    def test_nothing_is_listed(self, ann, bob):
        here, of_bob = Device(ann), Device(bob)
        assert here.listed() == [here.session.pk]
        here.post("sign-out-others/")
        assert of_bob.is_signed_in
        assert here.json()["ended_sessions"] == []


@pytest.mark.parametrize("path", ["sign-out-others/", "{}/sign-out/", "{}/rename/"])
class TestAction:
    def test_a_get_changes_nothing(self, ann, path):
        here, there = Device(ann), Device(ann)
        assert here.get(path.format(there.session.pk)).status_code == 405
        assert there.is_signed_in

    def test_a_request_without_csrf_token_is_refused(self, ann, path):
        here, there = Device(ann), Device(ann)
        here.client.handler.enforce_csrf_checks = True
        assert here.post(path.format(there.session.pk)).status_code == 403
        assert there.is_signed_in

    def test_a_caller_whose_session_is_unknown_is_refused_and_may_read(self, ann, settings, path):
        settings.USER_SESSIONS = {"ADOPT_DJANGO_SESSIONS": False}
        there = Device(ann)
        here = Device(ann)
        there_is = there.session
        del_link(here.client)
        assert here.listed() != []
        assert "It is unknown which device you use now." in here.text()
        answer = here.post(path.format(there_is.pk), **JSON)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_unknown")
        assert there.is_signed_in

    def test_an_impersonator_is_refused_where_a_recent_authentication_is_needed(self, ann, settings, path):
        settings.USER_SESSIONS = {"DEVICES_PAGE_VERIFIED_WITHIN": timedelta(minutes=10)}
        here, there = Device(ann), Device(ann)
        UserSession.objects.filter(pk=here.session.pk).update(impersonator={"sub": "staff:7"})
        answer = here.post(path.format(there.session.pk), **JSON)
        assert (answer.status_code, answer.json()["code"]) == (403, "impersonated")
        assert there.is_signed_in

    def test_a_caller_whose_session_is_over_is_sent_to_sign_in(self, ann, path):
        here, there = Device(ann), Device(ann)
        here.session.revoke(actor="test")
        assert here.post(path.format(there.session.pk)).headers["location"].startswith("/login/")
        assert there.is_signed_in

    def test_an_old_authentication_is_asked_for_again_and_the_list_is_readable(self, ann, settings, path):
        settings.USER_SESSIONS = {"DEVICES_PAGE_VERIFIED_WITHIN": timedelta(minutes=10)}
        here, there = Device(ann), Device(ann)
        page = f"http://testserver{PAGE}"
        UserSession.objects.update(verified_at=timezone.now() - timedelta(minutes=11))
        assert here.get().status_code == 200
        answer = here.post(path.format(there.session.pk), referer=page)
        assert answer.headers["location"].startswith("/reauthenticate/?next=")
        assert here.post(path.format(there.session.pk), **JSON).json()["code"] == "reverification_required"
        assert there.is_signed_in
        form = {"password": "first password", "next": page}
        assert here.client.post("/reauthenticate/", form).headers["location"] == page
        assert here.post(path.format(there.session.pk), referer=page).status_code == 303


def del_link(client: Client) -> None:
    """Leave the Django session without its user session, as one from before the installation."""
    session = client.session
    del session["_user_session_id"]
    session.save()


AT = datetime(2026, 3, 15, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "zone", "language", "words"),
    [
        (AT, "UTC", "en", "today at 2:05 p.m."),
        (AT, "UTC", "de", "heute um 14:05"),
        (AT, "UTC", "fr", "aujourd’hui à 14:05"),
        (AT - timedelta(hours=15), "UTC", "de", "gestern um 23:05"),
        (AT - timedelta(hours=15), "Europe/Berlin", "de", "heute um 00:05"),
        (AT - timedelta(days=2), "UTC", "en", "March 13, 2026"),
        (AT - timedelta(days=2), "UTC", "de", "13. März 2026"),
        (AT + timedelta(days=1), "UTC", "en", "March 16, 2026"),
    ],
)
def test_a_time_is_said_in_words(time, zone, language, words):
    with translation.override(language), timezone.override(zone):
        assert time_in_words(time, at=AT) == words


def test_only_methods_with_a_word_are_shown():
    assert methods_in_words(["pwd", "otp", "mfa", "<script>"]) == "password, one-time code"
    assert methods_in_words([]) == ""
