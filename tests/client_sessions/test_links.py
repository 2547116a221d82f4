"""Links in responses have the host of the settings, not the host of the request."""

import pytest

from client_sessions.checks import check_links

HERE = "https://sessions.example.com"


@pytest.fixture
def links(backend, home):
    """Return the origins of both kinds of link when the request has another host."""

    def links(host: str = "evil.example.com") -> set[str]:
        webview = backend.request("POST", "connect_webviews/create", host=host).json()["connect_webview"]
        page = backend.request("GET", "devices/list", query="?limit=1", host=host).json()["pagination"]
        return {url[: url.index("/", 8)] for url in (webview["url"], page["next_page_url"])}

    return links


def test_links_have_the_origin_of_the_settings(links, settings):
    settings.ALLOWED_HOSTS, settings.CLIENT_SESSIONS = ["*"], {"URL": HERE}
    assert links() == {HERE}


def test_the_reference_server_takes_the_origin_from_its_url(links, settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert links() == {settings.GATEPASS_URL}


def test_links_keep_the_path_that_the_project_is_mounted_at(backend, home, settings):
    settings.CLIENT_SESSIONS, settings.ROOT_URLCONF = {"URL": HERE}, "tests.sdks.prefixed_urls"
    page = backend.get("api/seam/devices/list", "?limit=1").json()["pagination"]
    assert page["next_page_url"].startswith(f"{HERE}/api/seam/devices/list?")


def test_without_the_setting_links_have_an_allowed_host_and_the_deploy_check_warns(links, settings):
    settings.ALLOWED_HOSTS, settings.CLIENT_SESSIONS = ["a.example.com"], {}
    assert links("a.example.com") == {"http://a.example.com"}
    assert [warning.id for warning in check_links()] == ["client_sessions.W001"]
    settings.CLIENT_SESSIONS = {"URL": HERE}
    assert list(check_links()) == []
