"""A host's middleware does not cache responses for other callers, nor require a login for guarded views."""

import pytest
from django.core.cache import cache
from django.urls import URLResolver, get_resolver

from client_sessions.models import ClientSession
from tests.callers import Caller

HEADERS = ("client-session-token", "seam-client-session-token", "authorization")


def with_middleware(settings, first: str, last: str) -> None:
    settings.MIDDLEWARE = [first, *settings.MIDDLEWARE, last]


@pytest.fixture
def cached(settings):
    """Enable Django's per-site cache."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "site"}}
    with_middleware(
        settings, "django.middleware.cache.UpdateCacheMiddleware", "django.middleware.cache.FetchFromCacheMiddleware"
    )
    yield
    cache.clear()


@pytest.fixture
def tokens(workspace, home) -> list[str]:
    """Return the tokens of a session that reaches an account, and of one that reaches nothing."""
    wanted = {"connected_account": [home.a1]}
    return [ClientSession.objects.start(workspace, actor="test", wanted=each).token for each in (wanted, {})]


def asked(path: str, header: str, token: str):
    return Caller().client.get(path, headers={header: f"Bearer {token}" if header == "authorization" else token})


@pytest.mark.urls("tests.client_sessions.guarded")
@pytest.mark.parametrize("path", ["/things", "/plain"])
@pytest.mark.parametrize("header", HEADERS)
def test_the_per_site_cache_shares_no_answer_between_callers(cached, tokens, path, header):
    mine, theirs = (asked(path, header, token) for token in tokens)
    assert b"d1" in mine.content and b"d1" not in theirs.content
    assert Caller().client.get(path).status_code == 401


@pytest.mark.urls("tests.client_sessions.guarded")
@pytest.mark.parametrize("path", ["/things", "/plain", "/async", "/things/7", "/whoami", "/wire/client_sessions/get"])
@pytest.mark.parametrize("is_known", [True, False])
def test_every_answer_is_private_and_names_the_headers_of_the_credential(cached, tokens, path, is_known):
    answer = asked(path, "client-session-token", tokens[0] if is_known else "seam_cst1x")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert {name.strip().lower() for name in answer.headers["Vary"].split(",")} >= set(HEADERS)


@pytest.mark.urls("tests.client_sessions.guarded")
def test_a_guarded_view_does_not_require_a_django_login(settings, tokens):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    for path in ("/things", "/plain", "/async", "/wire/client_sessions/get"):
        assert asked(path, HEADERS[0], tokens[0]).status_code == 200
        assert asked(path, HEADERS[0], "").status_code in (400, 401)


def callbacks(resolver: URLResolver):
    for entry in resolver.url_patterns:
        yield from callbacks(entry) if isinstance(entry, URLResolver) else [entry.callback]


def test_no_api_view_requires_a_django_login():
    ours = [each for each in callbacks(get_resolver()) if each.__module__.startswith(("client_s", "user_s"))]
    # Pages are for signed-in users.
    ours = [each for each in ours if not {"pages", "console"} & {*each.__module__.split(".")}]
    assert ours and [each for each in ours if getattr(each, "login_required", True)] == []
