"""The page in a real browser."""

import pytest
from building.models import Lock

from tests.embedded import in_browser
from tests.sdks import packages

pytestmark = [in_browser, pytest.mark.django_db(transaction=True)]


def texts(page) -> list[str]:
    return page.locator("#locks li").all_text_contents()


def refresh(page) -> None:
    shown = page.evaluate("Number(document.body.dataset.shown)")
    page.click("#refresh")
    page.wait_for_function("before => Number(document.body.dataset.shown) > before", arg=shown)


@pytest.fixture
def open_page(live_server, new_page):
    def open_page(token: str):
        page = new_page()
        page.goto(f"{live_server.url}/#{token}")
        page.wait_for_selector("body[data-shown]")
        return page

    return open_page


def test_two_browsers_with_two_tokens_show_two_lists(open_page, tenants, session_of):
    first, second = (open_page(session_of(tenant).token) for tenant in tenants)
    assert texts(first) == ["first lock: locked Unlock"]
    assert texts(second) == ["second lock: locked Unlock"]
    first.click("text=Unlock")
    first.wait_for_selector("text=first lock: unlocked")
    assert [lock.is_locked for lock in Lock.objects.order_by("pk")] == [False, True]


def test_after_a_revoke_the_next_refresh_says_so(open_page, tenants, session_of):
    session = session_of(tenants[0])
    page = open_page(session.token)
    assert len(texts(page)) == 1
    session.revoke(actor="test")
    refresh(page)
    assert texts(page) == []
    assert page.inner_text("#message") == "The client session was revoked."


def test_the_token_stays_out_of_the_address(open_page, tenants, session_of):
    page = open_page(session_of(tenants[0]).token)
    assert "seam_cst1" not in page.url
    page.reload()
    page.wait_for_selector("body[data-shown]")
    assert len(texts(page)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(open_page, tenants, session_of, scheme):
    page = open_page(session_of(tenants[0]).token)
    page.emulate_media(color_scheme=scheme)
    page.evaluate((packages.javascript() / "node_modules" / "axe-core" / "axe.min.js").read_text())
    assert [each["id"] for each in page.evaluate("axe.run()")["violations"]] == []
