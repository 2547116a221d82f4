"""Webviews, accounts, identities and workspaces, for a backend and for a browser with a token."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from client_sessions import resources
from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device
from client_sessions.models import Grant
from sessions_core.models import Event
from tests.callers import Caller, bearer
from tests.client_sessions.conftest import devices_seen


def webview_made_by(caller: Caller, **parameters: Any) -> dict[str, Any]:
    response = caller.post("connect_webviews/create", **parameters)
    assert response.status_code == 200, response.content
    webview: dict[str, Any] = response.json()["connect_webview"]
    return webview


def webviews_seen(caller: Caller, query: str = "") -> list[str]:
    listed = caller.get("connect_webviews/list", query).json()
    assert "pagination" in listed
    return [webview["connect_webview_id"] for webview in listed["connect_webviews"]]


def authorise(webview: dict[str, Any], provider: str = "yale") -> Any:
    """Authorise a webview as a user does in a browser."""
    assert b'name="provider"' in Client().get(webview["url"]).content
    return Client().post(webview["url"], {"provider": provider})


# Connect Webviews


@pytest.mark.wire("S79")
def test_only_the_session_that_created_a_webview_sees_it(open_session, home):
    session, other = open_session(), open_session()
    browser = bearer(session["token"])
    webview = webview_made_by(browser)
    assert browser.get("client_sessions/get").json()["client_session"]["connect_webview_ids"] == [
        webview["connect_webview_id"]
    ]
    assert webviews_seen(browser) == [webview["connect_webview_id"]]
    assert webviews_seen(bearer(other["token"])) == []
    hidden = bearer(other["token"]).get("connect_webviews/get", f"?connect_webview_id={webview['connect_webview_id']}")
    assert (hidden.status_code, hidden.error) == (404, "connect_webview_not_found")


@pytest.mark.wire("S80")
def test_only_the_session_of_the_webview_reaches_the_account_authorised_in_it(backend, open_session, home):
    browser, other = (bearer(open_session()["token"]) for _ in range(2))
    webview = webview_made_by(browser)
    assert webview["status"] == "pending"
    assert authorise(webview).status_code == 200
    assert devices_seen(browser) == ["Front door", "Back door"]
    assert devices_seen(other) == []
    (webview,) = browser.get("connect_webviews/list").json()["connect_webviews"]
    assert (webview["status"], webview["login_successful"], webview["selected_provider"]) == (
        "authorized",
        True,
        "yale",
    )
    session = browser.get("client_sessions/get").json()["client_session"]
    assert session["connected_account_ids"] == [webview["connected_account_id"]]
    assert session["device_count"] == 2


def test_a_webview_is_authorised_once(backend, home):
    webview = webview_made_by(backend)
    authorise(webview)
    Client().post(webview["url"], {"provider": "yale"})
    assert ConnectedAccount.objects.filter(account_type="yale").count() == 1
    assert b"is connected" in Client().get(webview["url"]).content


def test_a_webview_stores_its_parameters(backend, workspace):
    asked = {
        "accepted_providers": ["yale"],
        "custom_redirect_url": "https://app.example.com/done?a=1",
        "custom_redirect_failure_url": "https://app.example.com/failed",
        "custom_metadata": {"order": 7, "note": None},
        "device_selection_mode": "single",
        "automatically_manage_new_devices": False,
        "wait_for_device_creation": True,
        "customer_key": "new customer",
    }
    webview = webview_made_by(backend, **asked)
    assert {name: webview[name] for name in asked} == asked
    assert (webview["any_provider_allowed"], webview["workspace_id"]) == (False, str(workspace.pk))
    sent_to = authorise(webview)
    assert (
        sent_to.headers["Location"]
        == f"{asked['custom_redirect_url']}&connect_webview_id=" + webview["connect_webview_id"]
    )
    account = ConnectedAccount.objects.get(account_type="yale")
    assert (account.customer.key, account.custom_metadata["order"]) == ("new customer", 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("custom_redirect_url", "javascript:alert(1)"),
        ("custom_redirect_url", "https://user@evil.example.com"),
        ("custom_redirect_failure_url", "//evil.example.com"),
        ("custom_redirect_url", "https://[x"),
        ("custom_redirect_url", "https://a]b/"),
        ("custom_redirect_url", "https://ex℀mple.com/"),
        ("custom_redirect_url", "https://x:99999999/"),
        ("custom_redirect_url", "http://:80"),
        ("accepted_providers", ["p"] * 51),
        ("accepted_capabilities", ["c" * 61]),
        ("device_selection_mode", "some"),
        ("custom_metadata", {"a": {"b": 1}}),
        ("custom_metadata", {f"{n}": 1 for n in range(51)}),
        ("custom_metadata", {"a": "\ud800"}),
        ("custom_metadata", {"\x00": 1}),
        ("custom_metadata", {"a": 10**400}),
        ("custom_metadata", [1]),
        ("accepted_providers", "yale"),
        ("customer_key", "k" * 201),
    ],
)
def test_a_webview_with_invalid_parameters_is_refused(backend, name, value):
    response = backend.post("connect_webviews/create", **{name: value})
    assert (response.status_code, response.error) == (400, "invalid_input")
    assert name in response.json()["error"]["validation_errors"]
    assert not ConnectWebview.objects.exists()


def test_a_redirect_keeps_its_fragment(backend):
    webview = webview_made_by(backend, custom_redirect_url="https://app.example.com/#/done?a=1")
    assert authorise(webview).headers["Location"] == (
        f"https://app.example.com/?connect_webview_id={webview['connect_webview_id']}#/done?a=1"
    )


@pytest.mark.wire("S122")
def test_the_pending_webviews_of_a_token_are_limited(open_session):
    browser = bearer(open_session()["token"])
    for _ in range(50):
        webview_made_by(browser)
    response = browser.post("connect_webviews/create")
    assert (response.status_code, response.error) == (400, "invalid_options")


def test_a_token_cannot_name_another_customer(open_session, home):
    browser = bearer(open_session(customer_key="acme")["token"])
    assert webview_made_by(browser, customer_key="acme")["customer_key"] == "acme"
    response = browser.post("connect_webviews/create", customer_key="another customer")
    assert (response.status_code, response.error) == (404, "customer_not_found")
    assert ConnectWebview.objects.filter(customer__key="acme").count() == 1


@pytest.mark.parametrize("change", ["signature", "id", "method"])
def test_a_webview_page_needs_its_exact_url(backend, home, change):
    url = webview_made_by(backend)["url"]
    if change == "signature":
        url = url[:-1] + ("A" if url[-1] != "A" else "B")
    if change == "id":
        url = re.sub(r"[0-9a-f-]{36}", home.pending, url)
    response = Client().put(url) if change == "method" else Client().get(url)
    assert response.status_code == (405 if change == "method" else 404)


def test_the_webview_page_sends_no_referrer(backend):
    page = Client().get(webview_made_by(backend, custom_redirect_failure_url="https://app.example.com")["url"])
    assert b'href="https://app.example.com"' in page.content
    assert (page.headers["Referrer-Policy"], "no-store" in page.headers["Cache-Control"]) == ("same-origin", True)


def test_a_live_workspace_creates_no_sample_devices(live_workspace, key_of):
    webview = webview_made_by(bearer(key_of(live_workspace)))
    page = Client().post(webview["url"], {"provider": "yale"})
    assert b"only in a sandbox" in page.content
    assert not Device.objects.exists()


def test_a_backend_filters_webviews_by_user_identifier_key(backend, open_session, home):
    open_session(user_identifier_key="u1", connect_webview_ids=[home.webview])
    assert webviews_seen(backend) == [home.webview, home.pending]
    assert webviews_seen(backend, "?user_identifier_key=u1") == [home.webview]
    assert webviews_seen(backend, "?user_identifier_key=nobody") == []


# Connected accounts


@pytest.mark.wire("S85")
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_deleting_an_account_removes_its_grants(backend, open_session, home, method):
    session = open_session(connected_account_ids=[home.a1, home.a2])
    assert session["device_count"] == 3
    body, query = (
        ({"connected_account_id": home.a1}, "")
        if method == "POST"
        else (None, f"?connected_account_id={home.a1}&_strict=true")
    )
    assert backend.request(method, "connected_accounts/delete", body, query).json() == {"ok": True}
    now = bearer(session["token"]).get("client_sessions/get").json()["client_session"]
    assert (now["connected_account_ids"], now["device_count"]) == ([home.a2], 1)
    again = backend.request(method, "connected_accounts/delete", body, query)
    assert (again.status_code, again.error) == (404, "connected_account_not_found")


def test_a_foreign_account_is_not_deleted(backend, home):
    response = backend.post("connected_accounts/delete", connected_account_id=home.ax)
    assert (response.status_code, response.error) == (404, "connected_account_not_found")
    assert ConnectedAccount.objects.filter(pk=home.ax).exists()


def test_deleting_rows_in_python_removes_their_grants(open_session, home):
    open_session(connected_account_ids=[home.a1, home.a2], connect_webview_ids=[home.webview])
    ConnectedAccount.objects.all().delete()
    ConnectWebview.objects.all().delete()
    assert not Grant.objects.exists()


def test_a_customer_key_belongs_to_its_workspace(backend, foreign_backend, elsewhere, home):
    Customer.objects.create(workspace=elsewhere, key="acme")
    mine, theirs = (
        bearer(caller.post("client_sessions/create", customer_key="acme").json()["client_session"]["token"])
        for caller in (backend, foreign_backend)
    )
    Customer.objects.filter(workspace=home.workspace).delete()
    kept = [caller.get("client_sessions/get").json()["client_session"].get("customer_key") for caller in (mine, theirs)]
    assert kept == [None, "acme"]


def test_deleting_a_proxy_instance_removes_its_grants(open_session, home):
    class Locks(Device):
        class Meta:
            proxy = True
            app_label = "client_sessions_devices"

    try:
        resources.register("device", Device, through=["connected_account", "user_identities"], counted=True)
        open_session(device_ids=[home.d1])
        Locks.objects.get(pk=home.d1).delete()
        assert not Grant.objects.exists()
    finally:
        del apps.all_models["client_sessions_devices"]["locks"]
        apps.clear_cache()


def test_the_console_shows_that_a_deletion_removed_grants(open_session, home):
    session = open_session(connected_account_ids=[home.a1])
    ConnectedAccount.objects.get(pk=home.a1).delete()
    event = Event.objects.filter(subject=session["client_session_id"]).first()
    assert (event.type, event.actor) == ("client_session.grants_removed", "deletion:connected_account")


@pytest.mark.parametrize(
    ("path", "name"), [("connected_accounts", "email"), ("devices", "name"), ("devices", "search")]
)
def test_a_blank_selector_selects_nothing(backend, home, path, name):
    response = backend.post(f"{path}/{'list' if name == 'search' else 'get'}", **{name: ""})
    assert (response.status_code, response.error) == (400, "invalid_input")


# User identities


@pytest.mark.wire("S121")
def test_an_identity_is_created_found_and_given_devices(backend, home):
    made = backend.post(
        "user_identities/create", user_identity_key="jane", email_address="jane@example.com", full_name="Jane Doe"
    ).json()["user_identity"]
    assert (made["display_name"], made["phone_number"]) == ("Jane Doe", None)
    listed = backend.get("user_identities/list", f"?user_identity_ids={made['user_identity_id']}&_strict=true").json()
    assert listed["user_identities"] == [made]
    both = {"user_identity_id": made["user_identity_id"], "device_id": home.d1}

    def accessible() -> list[str]:
        answer = backend.get("user_identities/list_accessible_devices", "?user_identity_key=jane").json()
        return [device["display_name"] for device in answer["devices"]]

    for _ in range(2):
        assert backend.put("user_identities/grant_access_to_device", **both).json() == {"ok": True}
    assert accessible() == ["d1"]
    query = f"?user_identity_id={made['user_identity_id']}&device_id={home.d1}&_strict=true"
    assert backend.request("DELETE", "user_identities/revoke_access_to_device", query=query).json() == {"ok": True}
    assert accessible() == []


def test_a_session_sees_what_its_identity_is_given_later(backend, open_session, home):
    browser = bearer(open_session(user_identity_id=home.identity)["token"])
    assert devices_seen(browser) == ["d3"]
    backend.post("user_identities/grant_access_to_device", user_identity_id=home.identity, device_id=home.d1)
    assert devices_seen(browser) == ["d1", "d3"]
    listed = browser.get("user_identities/list").json()["user_identities"]
    assert [identity["user_identity_id"] for identity in listed] == [home.identity]


def test_an_identity_key_is_unique_in_a_workspace(backend, foreign_backend):
    for caller, status in ((backend, 200), (foreign_backend, 200), (backend, 400)):
        assert caller.post("user_identities/create", user_identity_key="jane").status_code == status
    assert len(backend.get("user_identities/list").json()["user_identities"]) == 1


@pytest.mark.parametrize(
    ("path", "wrong", "error"),
    [
        ("grant_access_to_device", {"device_id": "dx"}, "device_not_found"),
        ("grant_access_to_device", {"user_identity_id": "ax"}, "user_identity_not_found"),
        ("revoke_access_to_device", {"device_id": "dx"}, "device_not_found"),
        ("list_accessible_devices", {"user_identity_id": "ax"}, "user_identity_not_found"),
    ],
)
def test_identities_and_devices_must_share_a_workspace(backend, home, path, wrong, error):
    named = {"user_identity_id": "identity", "device_id": "d1"} | wrong
    ids = {name: getattr(home, value) for name, value in named.items()}
    response = backend.post(f"user_identities/{path}", **ids)
    assert (response.status_code, response.error) == (404, error)


# Workspaces


@pytest.mark.wire("S123")
def test_a_caller_lists_its_own_workspace(backend, open_session, workspace, elsewhere):
    for caller in (backend, bearer(open_session()["token"])):
        listed = caller.get("workspaces/list").json()["workspaces"]
        assert [each["workspace_id"] for each in listed] == [str(workspace.pk)]


def test_health_needs_no_credential():
    assert Caller().get("health").json() == {"ok": True}
