"""The README's five steps turn the sign-ins of a new Django project into sessions."""

import re
import sys
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.browsers import chromium
from tests.embedded import apart, in_browser
from tests.hosts import bare_project, extend, run
from tests.pages import blocks, section
from tests.proxies import free_port
from tests.test_tutorial import served

pytestmark = apart

README, STEPS = "../README.md", "In your own Django project: five steps"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CREATE_USER = """
import django
django.setup()
from django.contrib.auth.models import User
User.objects.create_superuser("ann", password="a long password")
"""
LIST = "/admin/user_sessions/usersession/"
SILENCE = "System check identified no issues (0 silenced).\n"


def commands(page: str) -> list[str]:
    """Return the steps that are a command."""
    return re.findall(r"^\d\. `(.+)`$", page, re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what ``startproject`` makes after the five steps, with a user."""
    folder = bare_project(tmp_path_factory.mktemp("steps"))
    extend(folder, blocks(README, "python", under=STEPS))
    install, *others = commands(section(README, STEPS))
    assert install == "pip install django-gatepass"  # the tests have it already
    for command in others:
        run(folder, sys.executable, *command.split()[1:])
    run(folder, sys.executable, "-c", CREATE_USER)
    return folder


class Page(NamedTuple):
    url: str
    text: str


class Browser:
    """A browser of this machine, as far as forms and cookies go."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.opener.addheaders = [("User-Agent", FIREFOX)]

    def open(self, path: str, form: dict[str, str] | None = None) -> Page:
        with self.opener.open(self.address + path, form and urlencode(form).encode(), timeout=30) as answer:
            return Page(answer.url.removeprefix(self.address), answer.read().decode())

    def log_in(self) -> Page:
        token = re.findall('name="csrfmiddlewaretoken" value="(.+?)"', self.open("/admin/login/").text)[0]
        form = {"username": "ann", "password": "a long password", "next": "/admin/", "csrfmiddlewaretoken": token}
        return self.open("/admin/login/", form)


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    port = free_port()
    with served(project, port):
        yield f"http://127.0.0.1:{port}"


def test_there_are_five_steps_and_the_installation_page_has_the_same():
    steps = section(README, STEPS).split("\nLog in")[0]
    assert re.findall(r"^(\d)\. ", steps, re.MULTILINE) == list("12345")
    assert steps.strip() in section("install.md", "Install Gatepass in a Django project", level=1)


def test_the_checks_are_silent(project):
    assert (
        run(project, sys.executable, "manage.py", "check", "--database", "default", "--fail-level", "DEBUG") == SILENCE
    )
    run(project, sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")


def test_after_a_login_the_admin_shows_the_session_with_device_and_address(address):
    browser = Browser(address)
    assert browser.log_in().url == "/admin/"
    listed = browser.open(LIST).text
    detail = browser.open(re.findall(f'"({LIST}sess_.+?/change/)', listed)[0]).text
    assert all("Firefox 140.0 on Linux" in page and "127.0.0.1" in page for page in (listed, detail))


@in_browser
def test_chromium_logs_in_and_finds_its_session_by_the_links_of_the_admin(address):
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/admin/")
        page.fill("[name=username]", "ann")
        page.fill("[name=password]", "a long password")
        page.click("[type=submit]")
        page.click(f"th a[href='{LIST}']")
        page.click("#result_list a[href*='/sess_'] >> nth=0")
        assert "Chrome" in page.inner_text(".field-device")
        assert "on Linux" in page.inner_text(".field-device .readonly")
        assert page.inner_text(".field-address .readonly") == "127.0.0.1"


def test_a_revoked_session_is_anonymous_at_its_next_request(project, address):
    browser = Browser(address)
    browser.log_in()
    assert browser.open("/admin/").url == "/admin/"
    run(project, sys.executable, "manage.py", "sessions", "revoke", "--user", "ann")
    assert browser.open("/admin/").url == "/admin/login/?next=/admin/"
