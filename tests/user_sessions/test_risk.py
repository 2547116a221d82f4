"""Rules about risky sign-ins: what each knows, and that it says nothing of what it does not know."""

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connections
from django.test import Client
from django.utils import timezone

from sessions_core.models import Event
from tests.user_sessions import django_project
from user_sessions.models import Activity, SignInRefused, UserSession
from user_sessions.places import Place
from user_sessions.risk import Risk, Verdict, impossible_travel, new_country, new_device
from user_sessions.user_agents import device_of

NOW = timezone.now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

PLACES = {
    "192.0.2.1": Place(city="Berlin", country="DE", latitude=52.52, longitude=13.405),
    "192.0.2.2": Place(city="Paris", country="FR", latitude=48.857, longitude=2.352),
    "192.0.2.3": Place(city="New York", country="US", latitude=40.713, longitude=-74.006),
    "192.0.2.4": Place(city="Potsdam", country="DE", latitude=52.391, longitude=13.065),
    "192.0.2.5": Place(country="DE"),
    "192.0.2.6": Place(city="Sydney", country="AU", latitude=-33.869, longitude=151.209, accuracy_radius=16_500),
    "192.0.2.7": Place(city="Auckland", country="NZ", latitude=-36.85, longitude=174.76),
}
BERLIN, PARIS, NEW_YORK, POTSDAM, SOMEWHERE, VAGUE, AUCKLAND = PLACES
NOWHERE = "10.0.0.1"


def place(address: str) -> Place | None:
    return PLACES.get(address)


@pytest.fixture(autouse=True)
def places(settings):
    settings.USER_SESSIONS = {"PLACE_OF_ADDRESS": f"{__name__}.place"}


@pytest.fixture
def sign_in_from(workspace, u1):
    def sign_in_from(address, *, after=timedelta(0), client=None):
        device = device_of("Mozilla/5.0 (iPhone)", address)
        return UserSession.objects.start(
            workspace, u1, actor="test", device=device, at=NOW + after, client=client, replacing=True
        )

    return sign_in_from


def judged(rule, session):
    before = Activity.objects.filter(session__user=session.user_id).exclude(session=session)
    return rule(session.user, session, session.latest_activity, before)


@pytest.mark.parametrize(
    ("first", "second", "after", "is_risky"),
    [
        (BERLIN, NEW_YORK, HOUR, True),
        (BERLIN, NEW_YORK, 6 * HOUR, True),
        (BERLIN, NEW_YORK, 9 * HOUR, False),
        (BERLIN, PARIS, timedelta(minutes=1), False),
        (BERLIN, POTSDAM, timedelta(0), False),
        (BERLIN, NEW_YORK, -HOUR, True),
        (BERLIN, PARIS, -HOUR, False),
        (BERLIN, NOWHERE, HOUR, False),
        (NOWHERE, BERLIN, HOUR, False),
        (BERLIN, SOMEWHERE, HOUR, False),
        (BERLIN, VAGUE, HOUR, False),
        (BERLIN, AUCKLAND, 17 * HOUR, True),
        (BERLIN, AUCKLAND, 19 * HOUR, False),
    ],
)
def test_travel_is_impossible_if_it_is_faster_than_an_airliner(sign_in_from, first, second, after, is_risky):
    sign_in_from(first)
    assert (judged(impossible_travel, sign_in_from(second, after=after)) is not None) == is_risky


def test_the_reason_names_the_distance(sign_in_from):
    sign_in_from(BERLIN)
    reason = judged(impossible_travel, sign_in_from(NEW_YORK, after=HOUR))
    assert reason == "The user signed in 6,385 km away from where they were before."


def test_a_session_that_is_still_in_use_there_counts_until_its_last_use(sign_in_from):
    there = sign_in_from(BERLIN)
    UserSession.objects.filter(pk=there.pk).update(last_active_at=NOW + 8 * HOUR)
    assert judged(impossible_travel, sign_in_from(NEW_YORK, after=9 * HOUR))


def test_a_later_use_from_an_unknown_place_does_not_count_as_there(sign_in_from):
    session = sign_in_from(BERLIN)
    Activity.objects.note(session, device_of("Mozilla/5.0 (iPhone)", NOWHERE), at=NOW + HOUR)
    UserSession.objects.filter(pk=session.pk).update(last_active_at=NOW + 2 * DAY)
    assert judged(impossible_travel, sign_in_from(NEW_YORK, after=2 * DAY)) is None


def test_a_journey_is_noticed_where_no_address_is_kept(sign_in_from, settings):
    settings.USER_SESSIONS = {**settings.USER_SESSIONS, "ADDRESS_FORM": "none"}
    session = sign_in_from(BERLIN)
    Activity.objects.note(session, device_of("Mozilla/5.0 (iPhone)", NEW_YORK), at=NOW + DAY)
    assert UserSession.objects.get(pk=session.pk).latest_activity.city == "New York"
    assert judged(impossible_travel, sign_in_from(NEW_YORK, after=DAY + HOUR)) is None


def test_a_country_is_new_once(sign_in_from):
    sign_in_from(BERLIN)
    assert judged(new_country, sign_in_from(PARIS, after=DAY)) == (
        "The user signed in from FR, where they had not been before."
    )
    assert judged(new_country, sign_in_from(PARIS, after=2 * DAY)) is None
    assert judged(new_country, sign_in_from(POTSDAM, after=3 * DAY)) is None


@pytest.mark.parametrize(("first", "second"), [(BERLIN, NOWHERE), (NOWHERE, BERLIN)])
def test_a_place_that_is_not_known_is_no_new_country(sign_in_from, first, second):
    sign_in_from(first)
    assert judged(new_country, sign_in_from(second, after=DAY)) is None


def test_a_country_is_forgotten_after_ninety_days(sign_in_from):
    sign_in_from(BERLIN)
    sign_in_from(PARIS, after=DAY)
    assert judged(new_country, sign_in_from(BERLIN, after=91 * DAY))


@pytest.mark.parametrize("rule", [new_country, new_device, impossible_travel])
def test_the_first_sign_in_of_a_user_is_never_risky(sign_in_from, rule):
    assert judged(rule, sign_in_from(BERLIN)) is None


def test_a_device_is_new_until_the_user_has_signed_in_on_it(sign_in_from):
    known = sign_in_from(BERLIN)
    unknown = sign_in_from(BERLIN, after=HOUR)
    assert judged(new_device, unknown) == "The user signed in on a device that they had not used before."
    assert judged(new_device, sign_in_from(BERLIN, after=2 * HOUR, client=known.client)) is None


def test_imported_sessions_are_no_sign_ins(sign_in_from):
    imported = sign_in_from(BERLIN)
    imported.revoke(actor="import:knox")
    first = sign_in_from(BERLIN, after=HOUR)
    assert judged(new_device, first) is None
    assert judged(new_device, sign_in_from(BERLIN, after=2 * HOUR))


@pytest.mark.parametrize(("verdict", "reason"), [("deny", ""), ("notify", "x" * 201), ("notify", "\0")])
def test_a_wrong_verdict_is_refused(verdict, reason):
    with pytest.raises(ValueError):
        Risk(verdict, reason)


# What the host decides


def judge(verdict):
    return lambda user, session, activity, before: Risk(verdict, "a sentence")


notify, step_up, refuse = map(judge, ("notify", "step_up", "refuse"))
SEEN = []


def remember(user, session, activity, before):
    SEEN.append((user.username, activity.ip_address, [each.ip_address for each in before]))
    return Risk(Verdict.ALLOW)


def failing(user, session, activity, before):
    UserSession.objects.create(id="no row of a session")


def wrong(user, session, activity, before):
    return "notify"


@pytest.fixture
def host_decides(settings):
    def host_decides(function):
        settings.USER_SESSIONS = {"SIGN_IN_RISK": f"{__name__}.{function}"}

    return host_decides


def risk_in_event(session):
    """Return what the event of the sign-in says, without whose it was."""
    data = Event.objects.get(subject=session.pk).data
    return {name: value for name, value in data.items() if name not in ("user", "client")}


def test_the_host_learns_where_the_user_was_before(host_decides, sign_in_from):
    host_decides("remember")
    SEEN.clear()
    sign_in_from(BERLIN)
    sign_in_from(PARIS, after=HOUR)
    assert SEEN == [("u1", BERLIN, []), ("u1", PARIS, [BERLIN])]


def test_where_an_impersonator_was_is_no_place_of_the_user(host_decides, sign_in_from, workspace, u1):
    device = device_of("Mozilla/5.0 (iPhone)", NEW_YORK)
    UserSession.objects.start(workspace, u1, actor="test", device=device, impersonator={"sub": "user_9"})
    host_decides("remember")
    SEEN.clear()
    sign_in_from(BERLIN, after=HOUR)
    assert SEEN == [("u1", BERLIN, [])]


def test_without_a_function_the_event_says_nothing_of_risk(sign_in_from):
    assert risk_in_event(sign_in_from(BERLIN)) == {}


@pytest.mark.parametrize("function", ["failing", "wrong"])
def test_a_function_that_fails_lets_the_user_in(host_decides, sign_in_from, function, caplog):
    host_decides(function)
    assert sign_in_from(BERLIN).status == "active"
    assert BERLIN not in caplog.text and function in caplog.text


def test_a_notice_is_in_the_event_of_the_sign_in(host_decides, sign_in_from):
    host_decides("notify")
    assert risk_in_event(sign_in_from(BERLIN)) == {"risk": "notify", "reason": "a sentence"}


def test_a_step_up_lets_the_authentication_count_as_long_ago(host_decides, sign_in_from):
    host_decides("step_up")
    session = sign_in_from(BERLIN)
    assert UserSession.objects.get(pk=session.pk).verified_at.year == 1970
    assert risk_in_event(session) == {"risk": "step_up", "reason": "a sentence"}


def test_a_refusal_starts_nothing(host_decides, sign_in_from):
    host_decides("refuse")
    with pytest.raises(SignInRefused, match="a sentence"):
        sign_in_from(BERLIN)
    assert not UserSession.objects.exists() and not Activity.objects.exists()


def test_a_backend_that_starts_a_session_is_not_judged(host_decides, sign_in, u1):
    host_decides("refuse")
    assert sign_in(u1)["status"] == "active"


def refusal():
    event = Event.objects.get(type="user.sign_in_refused")
    return event.subject, event.data


def test_a_refused_user_of_a_login_page_is_not_signed_in(host_decides, settings, tmp_path, workspace, u1):
    django_project.install(settings, tmp_path)
    host_decides("refuse")
    u1.set_password("first password")
    u1.save()
    client = Client()
    assert client.post("/login/", {"username": "u1", "password": "first password"}).status_code == 403
    assert client.get("/private/").status_code == 302
    assert refusal() == (f"user_{u1.pk}", {"reason": "a sentence"})


@pytest.fixture
def atomic_requests(monkeypatch, settings, tmp_path):
    django_project.install(settings, tmp_path)
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)


def test_a_refusal_is_recorded_although_the_request_is_rolled_back(host_decides, atomic_requests, workspace, u1):
    host_decides("refuse")
    u1.set_password("first password")
    u1.save()
    assert Client().post("/login/", {"username": "u1", "password": "first password"}).status_code == 403
    assert refusal() == (f"user_{u1.pk}", {"reason": "a sentence"})


def test_a_refused_adoption_signs_out_and_is_recorded(host_decides, settings, tmp_path, workspace, u1):
    django_project.install(settings, tmp_path)
    client = Client()
    settings.MIDDLEWARE = [each for each in django_project.MIDDLEWARE if "user_sessions" not in each]
    client.force_login(u1)
    stored = client.session
    settings.MIDDLEWARE = django_project.MIDDLEWARE
    host_decides("refuse")
    assert client.get("/private/").status_code == 302
    assert SESSION_KEY not in type(stored)(stored.session_key)
    assert refusal() == (f"user_{u1.pk}", {"reason": "a sentence"})


def test_a_refused_browser_gets_an_error_of_its_dialect(host_decides, at_home, browser, u1):
    host_decides("refuse")
    answer = browser.try_to_sign_in(u1)
    assert (answer.status_code, answer.error) == (403, "not_allowed_access")
    assert refusal() == (f"user_{u1.pk}", {"reason": "a sentence"})


def test_a_browser_that_must_step_up_has_a_token_that_says_so(host_decides, at_home, browser, u1):
    host_decides("step_up")
    session = browser.sign_in(u1)
    assert session.verified_at.year == 1970
