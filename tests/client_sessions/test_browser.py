"""A real browser: the vendor's SDK on a page of another origin, and the page of a Connect Webview."""

import json
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from client_sessions.devices.models import ConnectedAccount, Device
from client_sessions.models import ClientSession
from client_sessions.scoping import reached_by
from sessions_core.models import AllowedOrigin
from tests.browsers import chromium
from tests.embedded import embedded, in_browser

pytestmark = [embedded, in_browser, pytest.mark.django_db(transaction=True)]

PAGE = '<!doctype html><meta charset="utf-8"><script src="sdk.js"></script>'

# What the page does with the SDK: names of devices, or what the SDK makes of a refusal.
LIST = """
async ([endpoint, token]) => {
  const seam = sdk.SeamHttp.fromClientSessionToken(token, { endpoint })
  try {
    return (await seam.devices.list()).map((device) => device.display_name)
  } catch (error) {
    return [error.constructor.name, error.code, Boolean(error.requestId)]
  }
}
"""
SIGN_ON = """
async ([endpoint, key, user]) => {
  const seam = await sdk.SeamHttp.fromPublishableKey(key, user, { endpoint })
  return (await seam.clientSessions.get()).user_identifier_key
}
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["seam-http-1", "seam-http-2"])
def site(request, tmp_path: Path, javascript: Path) -> Iterator[str]:
    """A page of another origin with the SDK, bundled as a front end does: its origin."""
    bundle = ["node_modules/.bin/esbuild", "--bundle", "--format=iife", "--global-name=sdk"]
    source = f'export * from "{request.param}"'
    command = [*bundle, f"--outfile={tmp_path / 'sdk.js'}", "--log-level=error"]
    subprocess.run(command, input=source, text=True, cwd=javascript, check=True)
    (tmp_path / "index.html").write_text(PAGE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.wire("S94", "S95")
def test_a_page_of_a_listed_origin_lists_devices_and_reads_refusals(
    site, live_server, workspace, publishable_key, home
):
    session = ClientSession.objects.start(workspace, actor="test", wanted={"connected_account": [home.a1]})
    with chromium() as browser:
        page = browser.new_page()
        page.goto(site)
        assert page.evaluate(LIST, [live_server.url, session.token]) == ["d1", "d2"]
        assert page.evaluate(SIGN_ON, [live_server.url, publishable_key, "p1"]) == "p1"
        session.revoke(actor="test")
        assert page.evaluate(LIST, [live_server.url, session.token]) == [
            "SeamHttpUnauthorizedError",
            "unauthorized",
            True,
        ]


def test_a_page_of_another_origin_reads_nothing_until_its_origin_is_listed(site, live_server, live_workspace):
    account = ConnectedAccount.objects.create(workspace=live_workspace, display_name="account")
    Device.objects.create(workspace=live_workspace, connected_account=account, name="door")
    session = ClientSession.objects.start(live_workspace, actor="test", wanted={"connected_account": [str(account.pk)]})
    with chromium() as browser:
        page = browser.new_page()
        page.goto(site)
        refused, *_ = page.evaluate(LIST, [live_server.url, session.token])
        assert refused not in ("door", "SeamHttpUnauthorizedError")
        AllowedOrigin.objects.create(workspace=live_workspace, origin=site)
        assert page.evaluate(LIST, [live_server.url, session.token]) == ["door"]


@pytest.mark.wire("S80")
def test_a_user_connects_an_account_in_a_browser(live_server, workspace, settings):
    settings.CLIENT_SESSIONS = {"URL": live_server.url}
    session = ClientSession.objects.start(workspace, actor="test")
    endpoint = Request(f"{live_server.url}/connect_webviews/create", method="POST")
    endpoint.add_header("authorization", f"Bearer {session.token}")
    with urlopen(endpoint) as answer:
        url = json.load(answer)["connect_webview"]["url"]
    with chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        page.click("text=Yale")
        page.wait_for_selector("text=The account is connected")
    assert reached_by(Device.objects.all(), session).count() == 2
