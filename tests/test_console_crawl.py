"""A crawl of every page of the console: no credential on a screen, in a download or in a log, and nothing inline.

A view-only operator who forges every form and action changes nothing, and each attempt is an event.
"""

import logging
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from sessions_core.api_key_scopes import registered_scopes
from sessions_core.console.console_permissions import REFUSED
from sessions_core.models import ApiKey, Event, WebhookEndpoint, Workspace
from sessions_core.models.dashboards import Dashboard
from sessions_core.rates import counters
from tests.callers import bearer
from tests.client_sessions.test_secrets import is_credential
from tests.console_walk import OF_TEMPLATE, Address, addresses, console_pages, everything
from tests.embedded import embedded
from tests.policies import set_user_session_policy
from user_sessions.tokens.client_tokens import read_client_token
from user_sessions.tokens.device_tokens import read_device_token, read_not_me_token
from user_sessions.tokens.ticket_tokens import read_ticket_token

# What a page shows and refuses is the same on each database. The modules of the pages run on both.
pytestmark = [embedded, pytest.mark.django_db, pytest.mark.usefixtures("unseen_operators")]

# Views that change nothing, whatever the method. All others refuse a POST without the permission.
READS = {"changelist", "history", "line", "reach", "versions"}

# What a forged form may contain, so that a view without a check would act.
FORGED = {
    "confirmed": "yes",
    "post": "yes",
    "reason": "forged",
    "name": "forged",
    "url": "https://forged.example/",
    "claims": "{}",
    "lifetime": "60",
    "allowed_clock_skew": "5",
    "overlap": "hour",
    "since": "2020-01-01T00:00",
}

OTHER_PAGES = ("/admin/", "/admin/sessions_core/", "/admin/user_sessions/", "/admin/sessions_core/dashboard/?range=7d")


class Inline(HTMLParser):
    """Collects what a strict policy blocks: styles, scripts and event handlers in the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        is_data = given.get("type") == "application/json"
        if tag == "style" or (tag == "script" and "src" not in given and not is_data):
            self.found.append(self.get_starttag_text() or tag)
        bad = [name for name, value in attrs if name == "style" or name.startswith("on") or _is_script(value)]
        self.found += [f"{tag} {name}" for name in bad]


def _is_script(value: str | None) -> bool:
    return (value or "").strip().lower().startswith("javascript:")


@pytest.fixture
def secrets(workspace: Workspace) -> dict[str, str]:
    return everything(workspace)


def signed_in(name: str, **facts: Any) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user(name, is_staff=True, **facts))
    return client


@pytest.fixture
def root(secrets: object) -> Client:
    return signed_in("root", is_superuser=True)


@pytest.fixture
def viewer(secrets: object) -> Client:
    client = signed_in("viewer")
    viewer = get_user_model().objects.get(username="viewer")
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return client


def text_of(response: Any) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return str(body.decode())


def crawl(client: Client, workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every page and download, and of the confirmation of every action on a list."""
    users = [f"/admin/auth/user/{user.pk}/change/" for user in get_user_model().objects.all()]
    for path in (*OTHER_PAGES, *users):
        yield path, text_of(client.get(path))
    for page in console_pages():
        for address in addresses(page, workspace):
            response = client.get(address.path)
            assert response.status_code in (200, 302, 403, 405), address
            yield address.path, text_of(response)
            if address.view == "changelist":
                for name in page.actions or ():
                    yield f"{address.path} {name}", text_of(client.post(address.path, asked(page, name)))


def asked(page: Any, action: str) -> dict[str, Any]:
    """Return the form of a list with an action on its newest row."""
    row = page.model._default_manager.order_by("pk").last()
    return {"action": action, "_selected_action": [row.pk if row else "x"]}


def shown_once(root: Client) -> dict[str, str]:
    """Create, roll and replace secrets in the console. Return those that it shows once."""
    workspace, key = str(Workspace.objects.get().pk), ApiKey.objects.get()
    endpoint = WebhookEndpoint.objects.get()
    keys, hooks = "/admin/sessions_core/apikey/", "/admin/sessions_core/webhookendpoint/"
    kept = {"workspace": workspace, "name": "x", "kind": "secret", "overlap": "hour", "scopes": [*registered_scopes()]}
    pages = {
        "created key": text_of(root.post(f"{keys}add/", kept)),
        "rolled key": text_of(root.post(f"{keys}{key.pk}/roll/", kept)),
        "webhook secret of a form": text_of(
            root.post(f"{hooks}add/", {"workspace": workspace, "url": "https://a.example/"})
        ),
        "replaced webhook secret": text_of(root.post(f"{hooks}{endpoint.pk}/rotate/")),
    }
    set_user_session_policy(Workspace.objects.get(), sign_in_url="https://app.example.com/sign-in")
    maria = get_user_model().objects.get(username="maria")
    reason = {"workspace": workspace, "reason": "support"}
    link = root.post(f"/admin/user_sessions/ticket/of_user/{maria.pk}/impersonate/", reason)
    pages["link that signs in"] = text_of(link)
    secret = re.compile(r"seam_\w{20,}|whsec_[\w+/=]{20,}|(?<=ticket=)[\w.-]{20,}")
    found = {name: secret.search(page) for name, page in pages.items()}
    return {name: each[0] if each else pytest.fail(f"{name}: {pages[name]}") for name, each in found.items()}


def works(text: str, workspace: Workspace) -> bool:
    """Return True if the text opens anything."""
    counters.clear()
    readers: list[Callable[[str], Any]] = [read_client_token, read_device_token, read_not_me_token]
    is_token = any(read(text) for read in readers) or read_ticket_token(text, workspace) is not None
    return is_token or is_credential(text) or bearer(text).get("v1/jwks").status_code == 200


@pytest.mark.promise("P4")
def test_no_screen_download_or_log_has_a_credential(root, secrets, workspace, caplog):
    caplog.set_level(logging.DEBUG)
    secrets |= shown_once(root)
    assert {name for name, text in secrets.items() if works(text, workspace)} >= {
        *("API key", "ticket", "created key", "link that signs in"),
    }
    caplog.clear()
    pages = dict(crawl(root, workspace))
    pages["Django's log"] = "\n".join(f"{each.change_message} {each.object_repr}" for each in LogEntry.objects.all())
    pages["the server's log"] = caplog.text
    assert len(pages["Django's log"]) > 100
    for path, text in pages.items():
        assert [name for name, secret in secrets.items() if secret[-16:] in text] == [], path
    words = set(re.findall(r"[\w.~+=-]{16,}", "\n".join(pages.values()), re.ASCII))
    # Capitals and digits: not the names of classes, UUIDs and most words of a page.
    random = [word for word in words if re.search("[A-Z].*[0-9]|[0-9].*[A-Z]", word)]
    assert [word for word in random if works(word, workspace)] == []


def test_no_answer_to_an_invalid_form_repeats_a_key(root, workspace):
    own = {"claims": "{", "name": "x", "signing_algorithm": "HS256", "signing_key": OF_TEMPLATE}
    for page in console_pages():
        for address in addresses(page, workspace):
            if address.view in ("add", "change"):
                assert OF_TEMPLATE not in text_of(root.post(address.path, own)), address


def test_no_page_has_anything_inline(root, workspace):
    found = {path: Inline(text).found for path, text in crawl(root, workspace)}
    assert {path: faults for path, faults in found.items() if faults} == {}
    assert len(found) > 100


def test_the_parser_finds_what_is_inline():
    page = '<style></style><script>x</script><p style="a" onclick="b"><a href=" JavaScript:c">'
    assert len(Inline(page).found) == 5


@pytest.fixture
def forged(viewer: Client, workspace: Workspace) -> list[tuple[Address, Any, int]]:
    """POST to every address of every page, and each action of every list. Return the answers and their events."""
    found = []
    for page in console_pages():
        for address in addresses(page, workspace):
            found.append(_post(viewer, address, FORGED))
            if address.view == "changelist" and page.model is not Dashboard:
                for name in [*(page.actions or ()), "delete_selected", "unknown"]:
                    body = {**FORGED, **asked(page, name)}
                    found.append(_post(viewer, Address(f"{address.name} action", address.path), body))
    return found


def _post(client: Client, address: Address, body: dict[str, Any]) -> tuple[Address, Any, int]:
    before = Event.objects.count()
    response = client.post(address.path, body)
    return address, response, Event.objects.count() - before


def rows() -> dict[str, list[Any]]:
    """Return the values of all rows, except those of events and of Django's sessions."""
    changing = ("sessions_core.event", "sessions.session")
    models = [each for each in apps.get_models(include_auto_created=True) if each._meta.label_lower not in changing]
    return {each._meta.label: sorted(map(str, each._base_manager.values_list())) for each in models}


@pytest.mark.usefixtures("viewer")
def test_a_forged_post_changes_no_row(workspace, request):
    before = rows()
    request.getfixturevalue("forged")
    assert rows() == before


def test_every_forged_form_and_action_is_refused_and_is_one_event(forged):
    acts = [(address, response.status_code, events) for address, response, events in forged if not _reads(address)]
    assert [(each.name, *facts) for each, *facts in acts if facts != [403, 1]] == []
    assert len(acts) > 100
    assert {*Event.objects.filter(type=REFUSED).values_list("actor", flat=True)} == {
        f"operator:{get_user_model().objects.get(username='viewer').pk}"
    }


def test_a_post_to_a_page_that_only_reads_is_a_read(forged):
    answers = {(address.view, response.status_code) for address, response, _ in forged if _reads(address)}
    assert answers <= {(view, status) for view in READS for status in (200, 302, 405)}


def _reads(address: Address) -> bool:
    return address.view in READS
