"""Which sign-ins are on a new device: the event, the signal, and whether there is a mail."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, transaction
from django.test import Client as Handler
from django.utils import timezone

from sessions_core.models import Event, Workspace
from tests.user_sessions import django_project, new_devices
from tests.user_sessions.device_pages import CHROME, FIREFOX, PASSWORD, Device
from tests.user_sessions.frontend import App, Browser
from tests.user_sessions.new_devices import SETTINGS, install
from tests.user_sessions.test_signals import Heard, hearing
from user_sessions.disowning import disown
from user_sessions.models import Client, SignInRefused, UserSession
from user_sessions.models.reverification import UNVERIFIED
from user_sessions.risk import Risk
from user_sessions.signals import new_device_signed_in
from user_sessions.user_agents import device_of

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DEVICE = device_of(FIREFOX, "192.0.2.7")


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", "ann@example.com", PASSWORD)


@pytest.fixture
def heard() -> Iterator[Heard]:
    yield from hearing(new_device_signed_in)


@pytest.fixture
def start(workspace: Workspace, ann: User) -> Any:
    def start(**how: Any) -> UserSession:
        return UserSession.objects.start(workspace, ann, **{"actor": "test", "device": DEVICE, **how})

    return start


def noticed() -> list[str]:
    """Return the sessions that began on a new device, by their events."""
    return list(Event.objects.filter(data__new_device=True).order_by("id").values_list("subject", flat=True))


def test_the_first_sign_in_is_on_no_new_device_and_the_second_browser_is(ann, heard):
    Device(ann)
    assert (noticed(), heard, mail.outbox) == ([], [], [])
    second = Device(ann, CHROME).session
    assert noticed() == [second.pk]
    assert [each["session"] for each in heard] == [second]
    assert [each.to for each in mail.outbox] == [["ann@example.com"]]


def test_the_same_browser_with_a_new_version_and_address_is_known(ann):
    Device(ann)
    browser = Device(ann)
    browser.client.post("/logout/")
    form = {"username": "ann", "password": PASSWORD}
    later = {"user-agent": FIREFOX.replace("145", "146")}
    browser.client.post("/login/", form, headers=later, REMOTE_ADDR="2001:db8::7")
    assert len(noticed()) == len(mail.outbox) == 1


@pytest.mark.parametrize("caller", [Browser, App])
def test_a_sign_in_at_the_frontend_api_is_noticed_too(at_home, ann, caller, heard):
    first, second = caller(), caller()
    for each in (first, second):
        answer = each.post("v1/client/sign_ins", identifier="ann", password=PASSWORD)
        assert answer.status_code == 200, answer.content
    assert len(noticed()) == len(heard) == len(mail.outbox) == 1
    session = heard[0]["session"]
    second.verb(session, "end")
    second.post("v1/client/sign_ins", identifier="ann", password=PASSWORD)
    assert len(noticed()) == 1


def test_a_sign_in_that_is_rolled_back_sends_nothing(start, heard):
    start()
    with transaction.atomic():
        start()
        assert mail.outbox == []
        transaction.set_rollback(True)
    assert (heard, mail.outbox) == ([], [])


def test_the_mail_is_sent_after_the_commit(start):
    start()
    with transaction.atomic():
        start()
        assert mail.outbox == []
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    "how",
    [
        {"impersonator": {"sub": "user_0"}},
        {"device": None},
        {"verified_at": UNVERIFIED},
    ],
    ids=["an impersonation", "a backend", "an adoption"],
)
def test_what_is_no_sign_in_of_the_user_is_not_noticed(start, how):
    start()
    start(**how)
    assert (noticed(), mail.outbox) == ([], [])


def test_an_impersonation_before_makes_no_first_device(start):
    start(impersonator={"sub": "user_0"})
    start()
    assert noticed() == []


def test_an_adoption_is_not_noticed(settings, ann):
    Device(ann)
    browser = Handler()
    browser.get("/public/")  # it has loaded the middleware
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "user_sessions" not in each]
    browser.post("/login/", {"username": "ann", "password": PASSWORD})
    settings.MIDDLEWARE = django_project.MIDDLEWARE
    assert browser.get("/private/").json()["session"]
    assert UserSession.objects.count() == 2
    assert noticed() == []


def test_a_session_of_the_backend_api_is_not_noticed(ann, backend, start):
    start()
    assert backend.post("v1/sessions", user_id=f"user_{ann.pk}").status_code == 200
    assert noticed() == []


def test_a_session_with_tasks_is_noticed(start, heard):
    start()
    session = start(tasks=["setup"])
    session.fulfil("setup", actor="test")
    session.require("another", actor="test")
    assert [each["session"].pk for each in heard] == [session.pk]


def test_another_user_of_a_known_browser_is_on_a_new_device(workspace, start, ann):
    bob = User.objects.create_user("bob", "bob@example.com")
    UserSession.objects.start(workspace, bob, actor="test", device=DEVICE)
    shared = start().client
    UserSession.objects.start(workspace, bob, actor="test", device=DEVICE, client=shared, replacing=True)
    assert [each.to for each in mail.outbox] == [["bob@example.com"]]


@pytest.mark.parametrize(("notice", "events", "signals"), [("off", 0, 0), ("signal", 1, 1), ("mail", 1, 1)])
def test_the_setting_decides(settings, start, heard, notice, events, signals):
    settings.USER_SESSIONS = {**SETTINGS, "NEW_DEVICE_NOTICE": notice}
    start()
    start()
    assert (len(noticed()), len(heard), len(mail.outbox)) == (events, signals, int(notice == "mail"))


def test_without_the_setting_a_sign_in_asks_nothing_more(settings, start, statements):
    start()
    with statements() as on:
        start()
    settings.USER_SESSIONS = {"REMEMBER_DEVICES": True}
    with statements() as off:
        start()
    # Whether the client is known, whether the user has signed in before, and the session for the receivers.
    assert len(on) - len(off) == 3


def refusing(*_: Any) -> Risk:
    return Risk("refuse", "no")


def stepping_up(*_: Any) -> Risk:
    return Risk("step_up", "perhaps")


def test_a_refused_sign_in_is_not_noticed(settings, start):
    start()
    settings.USER_SESSIONS = {**SETTINGS, "SIGN_IN_RISK": f"{__name__}.refusing"}
    with pytest.raises(SignInRefused):
        start()
    assert mail.outbox == []


def test_the_verdict_about_its_risk_is_recorded_beside_it(settings, start):
    start()
    settings.USER_SESSIONS = {**SETTINGS, "SIGN_IN_RISK": f"{__name__}.stepping_up"}
    session = start()
    data = Event.objects.get(subject=session.pk).data
    assert (data["new_device"], data["risk"], data["reason"]) == (True, "step_up", "perhaps")
    assert len(mail.outbox) == 1


def test_a_device_that_the_user_disowned_is_new_once_more(start):
    start()
    intruder = start()
    assert disown(intruder)
    again = start(client=Client.objects.get(pk=intruder.client_id))
    assert noticed() == [intruder.pk, again.pk]
    start(client=Client.objects.get(pk=intruder.client_id), replacing=True)
    assert noticed() == [intruder.pk, again.pk]


def test_a_device_that_had_signed_out_before_it_was_disowned_is_new_once_more(start):
    start()
    intruder = start()
    intruder.end(actor="test")
    assert disown(intruder)
    again = start(client=Client.objects.get(pk=intruder.client_id))
    assert noticed() == [intruder.pk, again.pk]


def test_a_user_disowns_a_shared_device_for_themselves_only(workspace, start, ann):
    bob = User.objects.create_user("bob", "bob@example.com")
    start()
    shared = start().client
    theirs = {"actor": "test", "device": DEVICE, "replacing": True}
    UserSession.objects.start(workspace, bob, **theirs)
    session = UserSession.objects.start(workspace, bob, client=shared, **theirs)
    assert disown(session)
    UserSession.objects.start(workspace, bob, client=Client.objects.get(pk=shared.pk), **theirs)
    start(client=Client.objects.get(pk=shared.pk), replacing=True)
    assert [each.to for each in mail.outbox] == [["ann@example.com"], ["bob@example.com"], ["bob@example.com"]]


def test_an_account_without_sessions_is_as_one_that_never_signed_in(start, heard):
    start()
    UserSession.objects.all().delete()
    start()
    assert (noticed(), heard) == ([], [])


# Who gets the mail, and how many


def test_ten_new_devices_in_an_hour_send_ten_signals_and_five_mails(start, heard, caplog):
    start(at=NOW)
    for minute in range(10):
        start(at=NOW.replace(minute=0) + minute * MINUTE)
    assert (len(heard), len(mail.outbox)) == (10, 5)
    assert caplog.text.count("the user has got as many as allowed") == 5
    start(at=NOW.replace(minute=0) + HOUR)
    assert len(mail.outbox) == 6


def test_the_cap_is_a_rate_of_the_host(settings, start):
    settings.USER_SESSIONS = {**SETTINGS, "RATES": {"new_device_mail": None}}
    for minute in range(8):
        start(at=NOW.replace(minute=0) + minute * MINUTE)
    assert len(mail.outbox) == 7


@pytest.mark.parametrize("after", [MINUTE, 3 * DAY])
def test_a_sign_in_on_a_disowned_device_sends_a_mail_each_time(start, after):
    start(at=NOW)
    intruder = start(at=NOW)
    for times in (1, 2):
        assert len(mail.outbox) == times
        assert disown(intruder, at=NOW + times * after)
        intruder = start(at=NOW + times * after, client=Client.objects.get(pk=intruder.client_id))
    assert len(mail.outbox) == 3


def test_a_user_without_an_address_gets_none(ann, start, caplog):
    User.objects.update(email="")
    start()
    start()
    assert (len(noticed()), mail.outbox, caplog.text) == (1, [], "")


def test_the_function_of_the_host_decides_who_gets_it(settings, start):
    settings.USER_SESSIONS = {**SETTINGS, "NEW_DEVICE_RECIPIENT": f"{new_devices.__name__}.german"}
    start()
    start()
    assert new_devices.only_mail().to == ["work@example.com"]


def test_a_user_who_has_opted_out_gets_none_and_the_signal_is_sent(settings, start, heard):
    settings.USER_SESSIONS = {**SETTINGS, "NEW_DEVICE_RECIPIENT": f"{new_devices.__name__}.opted_out"}
    start()
    start()
    assert (len(heard), mail.outbox) == (1, [])


@pytest.mark.parametrize(
    "broken",
    [
        {"NEW_DEVICE_RECIPIENT": f"{new_devices.__name__}.nonsense"},
        {"NEW_DEVICE_RECIPIENT": "nowhere.at_all"},
        {"URL": None},
        {"RATES": {"new_device_mail": "x"}},
    ],
    ids=str,
)
def test_a_wrong_setting_does_not_stop_a_sign_in(settings, ann, caplog, broken):
    Device(ann)
    settings.USER_SESSIONS = {**SETTINGS, **broken}
    assert Device(ann).is_signed_in
    assert "was not sent" in caplog.text


class Refusing:
    """A mail backend whose server refuses every address."""

    def __init__(self, **_: Any) -> None: ...

    def send_messages(self, messages: Any) -> int:
        raise OSError(f"refused: {messages[0].to[0]}")


def test_a_mail_server_that_is_down_does_not_stop_a_sign_in(settings, ann, caplog):
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    Device(ann)
    session = Device(ann)
    assert session.is_signed_in
    assert f"The mail about the new device of {session.session.pk} was not sent: OSError." in caplog.text
    assert "ann@example.com" not in caplog.text


def test_concurrent_sign_ins_in_one_browser_are_noticed_once(at_once, start):
    start()
    client = start(device=None).client

    def again() -> str:
        try:
            return start(client=Client.objects.get(pk=client.pk), replacing=True).pk
        except Exception as error:
            return type(error).__name__
        finally:
            connection.close()

    at_once(again, again)
    assert len(noticed()) == 1
