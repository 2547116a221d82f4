"""The domain of cookies that several hosts read: the registrable domain, by the public suffix list."""

import pytest
from django.http import HttpResponse

from sessions_core.models import Workspace
from tests.embedded import embedded
from user_sessions.clerk.cookies import handshake_cookie_deletions, set_handshake, set_signed_in_cookie
from user_sessions.models import UserSessionPolicy

pytestmark = embedded

SITES = [
    ("https://clerk.example.com", "example.com"),
    ("https://clerk.app.example.com", "example.com"),
    ("https://clerk.example.co.uk", "example.co.uk"),
    ("https://a.b.example.co.uk", "example.co.uk"),
    ("https://example.com", "example.com"),
    ("https://clerk.shop.onrender.com", "shop.onrender.com"),
    ("https://clerk.b\u00fccher.example", "xn--bcher-kva.example"),
    ("https://clerk.xn--55qx5d.cn", "clerk.xn--55qx5d.cn"),
    ("https://clerk.shop.internal", "shop.internal"),
    ("https://onrender.com", ""),
    ("https://co.uk", ""),
    ("http://localhost:8000", ""),
    ("http://127.0.0.1:8000", ""),
    ("http://[::1]:8000", ""),
]


@pytest.mark.parametrize(("issuer", "domain"), SITES)
def test_client_uat_is_set_for_the_whole_site(issuer, domain):
    response = HttpResponse()
    set_signed_in_cookie(response, _workspace_at(issuer), None)
    assert {cookie["domain"] for cookie in response.cookies.values()} == {domain}


def _workspace_at(issuer):
    workspace = Workspace()
    UserSessionPolicy(workspace=workspace, frontend_api=issuer)
    return workspace


def handshake(issuer, page):
    """Return the domain of the handshake cookie, or False if there is none."""
    response = HttpResponse()
    is_set = set_handshake(response, "__clerk_handshake_nonce", "x", _workspace_at(issuer), page=page)
    return response.cookies["__clerk_handshake_nonce"]["domain"] if is_set else None


def test_no_cookie_is_set_for_a_public_suffix():
    assert handshake("https://clerk.onrender.com", "https://app.onrender.com") is None
    assert handshake("https://clerk.co.uk", "https://app.co.uk") is None
    assert handshake("http://127.0.0.1:8000", "http://127.0.0.2:3000") is None


@pytest.mark.parametrize("page", ["https://app.example.co.uk", "https://a.b.example.co.uk", "https://example.co.uk"])
@pytest.mark.parametrize("issuer", ["https://clerk.example.co.uk", "https://clerk.b.example.co.uk"])
def test_hosts_of_any_depth_agree_on_one_domain(page, issuer):
    assert handshake(issuer, page) == "example.co.uk"
    dropped = handshake_cookie_deletions(_workspace_at(issuer), page=page)
    assert all(directive.endswith("; Domain=example.co.uk") for directive in dropped)


def test_a_handshake_on_one_host_needs_no_domain():
    assert handshake("http://127.0.0.1:8000", "http://127.0.0.1:3000") == ""
