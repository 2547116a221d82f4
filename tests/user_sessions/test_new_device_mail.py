"""What the mail about a new device says: texts, languages, and hostile input."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone, translation

from sessions_core.models import Workspace
from tests.user_sessions import new_devices
from tests.user_sessions.device_pages import CHROME, FIREFOX, PASSWORD, Device
from tests.user_sessions.new_devices import SETTINGS, URL, html_of, install, only_mail, path_in
from user_sessions.models import Activity, UserSession
from user_sessions.places import Place
from user_sessions.user_agents import Device as UserAgent
from user_sessions.user_agents import device_of

pytestmark = pytest.mark.django_db(transaction=True)

MORNING = datetime(2026, 1, 12, 8, 30, tzinfo=UTC)


def place(address: str) -> Place | None:
    return Place(city="Berlin", country="DE")


@pytest.fixture(autouse=True)
def project(settings: Any, workspace: Workspace, tmp_path: Any) -> None:
    install(settings, tmp_path)
    settings.TIME_ZONE = "Europe/Berlin"
    settings.USER_SESSIONS = {**SETTINGS, "PLACE_OF_ADDRESS": f"{__name__}.place"}


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", "ann@example.com", PASSWORD)


@pytest.fixture
def mailed(workspace: Workspace, ann: User) -> Any:
    """Return a function that lets the user sign in on a new device, and returns the mail."""

    def mailed(device: UserAgent | None = None, **how: Any) -> Any:
        device = device or device_of(CHROME, "192.0.2.7")
        for each in (device_of(FIREFOX, "192.0.2.1"), device):
            UserSession.objects.start(workspace, ann, actor="test", device=each, at=MORNING, **how)
        return only_mail()

    return mailed


@pytest.fixture
def in_german(settings: Any) -> None:
    settings.USER_SESSIONS = {**settings.USER_SESSIONS, "NEW_DEVICE_RECIPIENT": f"{new_devices.__name__}.german"}


def words_of(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


FACTS = {
    "Account": "ann",
    "Time": "Jan. 12, 2026, 9:30 a.m. (CET)",
    "Signed in with": "password",
    "Device": "Linux",
    "Browser": "Chrome 142.0",
    "Operating system": "Linux",
    "Approximate place": "Berlin, DE",
    "IP address": "192.0.2.7",
}


def test_it_says_who_signed_in_where_when_and_how(mailed):
    message = mailed(amr=["pwd"])
    assert message.subject == "New sign-in to your account at www.example.com"
    lines = message.body.splitlines()
    assert [line for line in lines if re.match(r"[\w ]+: \S", line)] == [f"{k}: {v}" for k, v in FACTS.items()]
    words = words_of(html_of(message))
    assert [f"{label} {value}" for label, value in FACTS.items() if f"{label} {value}" not in words] == []


def test_both_forms_have_the_same_links_and_load_nothing(mailed):
    message = mailed()
    links = re.findall(r'href="([^"]+)"', html_of(message))
    assert links == [f"{URL}{path_in(message)}", f"{URL}/password/reset/", f"{URL}/devices/"]
    assert [link for link in links if link not in message.body.split()] == []
    assert re.findall(r"<img|<link|<script|src=|url\(", html_of(message)) == []


def test_it_says_what_to_do(mailed):
    message = mailed()
    assert "If this was you, you need to do nothing." in message.body
    assert "If this was not you, open this address and sign the device out. It is valid for 7 days:" in message.body
    assert "Then choose a new password:" in message.body


def test_a_user_without_a_password_is_not_told_to_change_it(ann, mailed):
    ann.set_unusable_password()
    ann.save()
    message = mailed()
    assert "password:" not in message.body
    assert "/password/" not in message.body + html_of(message)


def test_it_is_in_the_language_of_its_reader_and_not_of_the_request(mailed, in_german):
    with translation.override("fr"):
        message = mailed(amr=["pwd"])
    assert message.subject == "Neue Anmeldung bei Ihrem Konto auf www.example.com"
    assert "Zeit: 12. Januar 2026 09:30 (CET)" in message.body
    assert "Angemeldet mit: Passwort" in message.body
    assert '<html lang="de" dir="ltr">' in html_of(message)
    assert "Das war ich nicht" in html_of(message)


def test_without_a_language_it_is_in_that_of_the_project(settings, mailed):
    settings.LANGUAGE_CODE = "fr"
    with translation.override("de"):
        message = mailed()
    assert message.subject == "Nouvelle connexion à votre compte sur www.example.com"
    assert "Si c’était vous, vous n’avez rien à faire." in message.body


def test_the_time_zone_is_that_of_the_project_and_not_of_the_request(mailed):
    with timezone.override("America/New_York"):
        assert "9:30 a.m. (CET)" in mailed().body


@pytest.mark.parametrize(
    ("form", "shown"), [("whole", "192.0.2.7"), ("cut", "192.0.2.0"), ("hashed", ""), ("none", "")]
)
def test_the_address_is_in_the_form_that_is_stored(settings, mailed, form, shown):
    settings.USER_SESSIONS = {**settings.USER_SESSIONS, "ADDRESS_FORM": form}
    body = mailed(device_of(CHROME, "192.0.2.7")).body
    assert ("192.0.2.7" in body) == (form == "whole")
    assert (f"IP address: {shown}" in body) if shown else ("IP address" not in body)


def test_what_is_unknown_is_left_out(settings, mailed):
    settings.USER_SESSIONS = SETTINGS
    body = mailed(device_of("", "")).body
    assert [label for label in FACTS if f"{label}:" in body] == ["Account", "Time"]


def test_it_asks_for_no_automatic_reply_and_offers_no_list(mailed):
    headers = mailed().message()
    assert headers["Auto-Submitted"] == "auto-generated"
    assert [name for name in headers if name.lower().startswith("list-")] == []


def test_the_link_is_short_and_has_no_user(ann, mailed):
    path = path_in(mailed())
    assert len(path) <= 90
    assert "ann" not in path.removeprefix("/devices/not-me/").lower()


def test_a_host_replaces_the_templates(settings, tmp_path, mailed):
    (tmp_path / "user_sessions").mkdir()
    (tmp_path / "user_sessions" / "new_device_mail.txt").write_text("Ours: {{ not_me_url|safe }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    assert mailed().body.startswith(f"Ours: {URL}/devices/not-me/")


# Hostile input

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a\r\nBcc: victim@example.com",
    "\u202egpj.exe",
    "x" * 5000,
    "{{ settings.SECRET_KEY }}",
    "https://evil.example/login",
    "evil.example",
    "me@evil.example",
]


def hostile(text: str) -> UserAgent:
    return UserAgent(
        browser_name=text[:40],
        browser_version=text[:40],
        device_type=text[:40],
        is_mobile=False,
        ip_address=None,
        system=text[:40],
        system_version=text[:40],
    )


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_device_and_place_are_escaped_cut_and_no_links(monkeypatch, mailed, text):
    monkeypatch.setattr(Activity, "place", property(lambda self: Place(city=text, country="DE")))
    message = mailed(hostile(text))
    raw, html = message.message().as_string(), html_of(message)
    assert "Bcc" not in dict(message.message().items())
    assert "<script" not in html
    assert "<img" not in html
    assert "\u202e" not in message.body + html
    assert max(map(len, message.body.splitlines())) < 200
    assert not re.search(r"https?://(?!www\.example\.com/)|evil\.example", message.body + html)
    assert message.subject in raw.replace("\n", "")


@pytest.mark.parametrize("agent", ["<script>alert(1)</script>", "evil.com/1.0 (evil.com)", "x" * 5000, "\u202e", ""])
def test_a_hostile_user_agent_sends_a_mail_all_the_same(ann, agent):
    Device(ann)
    Device(ann, agent)
    assert "<script" not in html_of(only_mail())
    assert "evil.com" not in only_mail().body


@pytest.mark.parametrize("name", ["<b>ann</b>", "a\nb", "x" * 150, "\u202eann", "https://evil.example"])
def test_a_hostile_name_is_escaped_and_in_no_header(ann, mailed, name):
    User.objects.update(username=name)
    ann.username = name
    message = mailed()
    assert "<b>" not in html_of(message)
    assert "\u202e" not in message.body + html_of(message)
    assert name not in message.subject


@pytest.mark.parametrize("name", ["claim-your-prize.evil.example", "see http://evil.example/x now", "me@evil.example"])
def test_a_name_is_no_link(ann, mailed, name):
    User.objects.update(username=name)
    message = mailed()
    assert not re.search(r"https?://(?!www\.example\.com/)|evil\.example", message.body + html_of(message))


def test_a_name_that_is_the_address_of_the_reader_stays(ann, mailed):
    User.objects.update(username="ann@example.com")
    assert "Account: ann@example.com\n" in mailed().body


def test_an_address_with_a_line_break_is_refused_and_logged_without_it(ann, workspace, caplog):
    User.objects.update(email="ann@example.com\nBcc: victim@example.com")
    for agent in (FIREFOX, CHROME):
        device = device_of(agent, "")
        UserSession.objects.start(workspace, User.objects.get(), actor="test", device=device)
    assert mail.outbox == []
    assert "was not sent: " in caplog.text
    assert "victim" not in caplog.text


@pytest.mark.parametrize("language", ["zz", "", "de_AT", "x" * 500])
def test_an_unknown_language_is_no_error(settings, mailed, monkeypatch, language):
    monkeypatch.setattr(
        new_devices, "german", lambda user, session: new_devices.Recipient(address="a@b.example", language=language)
    )
    settings.USER_SESSIONS = {**SETTINGS, "NEW_DEVICE_RECIPIENT": f"{new_devices.__name__}.german"}
    assert path_in(mailed())
