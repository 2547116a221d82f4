"""Popular middleware changes no API response, and we change no page of the host."""

import sys
from pathlib import Path

import pytest

from tests.embedded import apart
from tests.hosts import migrate, run, start_project

pytestmark = apart

SETTINGS = """
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
DEBUG = False
INTERNAL_IPS = ["127.0.0.1"]
STATIC_ROOT = BASE_DIR / "static"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
INSTALLED_APPS += ["axes", "corsheaders", "csp", "debug_toolbar"]
CORS_ALLOW_ALL_ORIGINS = True
CORS_EXPOSE_HEADERS = ["x-of-the-host"]
CONTENT_SECURITY_POLICY = {"DIRECTIVES": {"default-src": ["'self'"]}}
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PLAIN = MIDDLEWARE
MIDDLEWARE = [
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "csp.middleware.CSPMiddleware",
    PLAIN[0],
    "whitenoise.middleware.WhiteNoiseMiddleware",
    PLAIN[1],
    "django.middleware.locale.LocaleMiddleware",
    *PLAIN[2:],
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "axes.middleware.AxesMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
]
AXES_FAILURE_LIMIT = 3
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = ["username"]
TOOLBAR = ["debug_toolbar.middleware.DebugToolbarMiddleware", *PLAIN]
"""

URLS = """
from client_sessions.authentication import ClientSessionAuthentication
from client_sessions.decorators import client_session_required
from client_sessions.permissions import HasClientSession
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.response import Response

@login_not_required
def public(request, slug=""):
    return HttpResponse("<html><body>of the host</body></html>")

def members(request):
    return HttpResponse("for members")

@client_session_required
def plain(request):
    return JsonResponse({"key": request.auth.user_identifier_key})

@client_session_required
async def later(request):
    return JsonResponse({"key": request.auth.user_identifier_key})

@api_view(["GET"])
@authentication_classes([ClientSessionAuthentication])
@permission_classes([HasClientSession])
def rest(request):
    return Response({"key": request.auth.user_identifier_key})

handler404 = "client_sessions.seam.base_view.not_found"
guarded = [path("plain", plain), path("later", later), path("rest", rest)]
urlpatterns += [*guarded, path("public", public), path("members", members)]
urlpatterns += [path("__debug__/", include("debug_toolbar.urls"))]
urlpatterns += i18n_patterns(path("<path:slug>/", public))
"""

CALLERS = """
import django, gzip, json, logging, re
django.setup()
logging.disable(logging.CRITICAL)
from urllib.parse import urlencode
from client_sessions.models import ClientSession
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from sessions_core.models import AllowedOrigin, ApiKey, Workspace
from user_sessions.models import UserSessionPolicy

APP = {"origin": "https://app.example.com"}
here, is_new = Workspace.objects.get_or_create(name="Mine", is_sandbox=True)
UserSessionPolicy.objects.update_or_create(workspace=here, defaults={"frontend_api": "http://localhost"})
if is_new:
    AllowedOrigin.objects.create(workspace=here, **APP)
    User.objects.create_user("ann", "ann@example.com", "correct horse")
key = ApiKey.objects.issue(here, name="a backend", actor="test")[1]
BACKEND = {"authorization": f"Bearer {key}"}

def token_of(name):
    return {"client-session-token": ClientSession.objects.start(here, actor="test", user_identifier_key=name).token}

def ask(method, path, headers=None, body=""):
    client = Client(raise_request_exception=False, headers={"host": "localhost", **(headers or {})})
    form = "application/json" if body[:1] == "{" else "application/x-www-form-urlencoded"
    return client.generic(method, path, body, form)

def sign_in(password):
    form = {"strategy": "password", "identifier": "ann", "password": password}
    return ask("POST", "/v1/client/sign_ins", APP, urlencode(form))
"""

SAME = """
EVIL = {"origin": "https://evil.example.com"}
MINE = token_of("cat")
ASKED = {"access-control-request-method": "POST", "access-control-request-headers": "client-session-token"}
REQUESTS = [
    *[("OPTIONS", path, ASKED | page) for page in (APP, EVIL)
      for path in ("/client_sessions/get", "/v1/client", "/v1/sessions")],
    *[("GET", path, MINE | page) for page in (APP, EVIL, {})
      for path in ("/client_sessions/get", "/v1/environment", "/v1/client", "/v1/client/unknown")],
    ("GET", "/client_sessions/get", APP | {"client-session-token": "seam_cst1x"}),
    ("GET", "/client_sessions/get?client_session_id=unknown", BACKEND),
    ("POST", "/client_sessions/create", BACKEND, '{"expires_at": "x"}'),
    ("GET", "/client_sessions/create", BACKEND),
    *[("POST", "/v1/client/sign_ins", APP, f"strategy={strategy}&identifier={name}&password={password}")
      for strategy, name, password in (("password", "ann", "correct+horse"), ("password", "ann", "wrong"),
                                       ("unknown", "ann", "wrong"))],
    *[("GET", path, BACKEND) for path in
      ("/v1/sessions/unknown", "/v1/sessions", "/v1/sessions?limit=x", "/v1/users/unknown", "/v1/jwks")],
    ("POST", "/v1/sessions", BACKEND, '{"user_id": 5}'),
    ("POST", "/v1/jwt_templates", BACKEND, '{"name": "x", "claims": 5}'),
    ("GET", "/v1/sessions/unknown", APP),
    ("GET", "/.well-known/jwks.json", APP),
]
# What a host's middleware may add to any answer.
ADDED = {"content-encoding", "content-language", "content-length", "content-security-policy", "djdt-request-id",
         "server-timing", "vary"}
VARYING = re.compile(r'[0-9a-f]{32}|\\b(sess|client|sia)_\\w{20,}|eyJ[\\w.-]+|seam_cst1\\w+|[0-9T:.-]{13,}Z?')

def answer(request, more):
    method, path, headers, *body = request
    response = ask(method, path, headers | more, *body)
    content = response.content
    if response.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    kept = {name.lower(): value for name, value in response.headers.items() if name.lower() not in ADDED}
    vary = set(re.findall(r"[\\w-]+", response.headers.get("Vary", "").lower()))
    kept |= {"etag": kept.get("etag", "").removeprefix("W/")}  # of what is compressed
    shown = VARYING.sub("", json.dumps([response.status_code, content.decode(), kept, sorted(response.cookies)]))
    return shown, vary

def answers(**more):
    return [answer(request, more) for request in REQUESTS]

sign_in("correct horse")  # makes the key that the key set shows
with override_settings(MIDDLEWARE=settings.PLAIN):
    expected = answers()
browser = {"accept-language": "de", "accept-encoding": "gzip"}
for name, changed in {"all": {}, "all again": {}, "toolbar": {"MIDDLEWARE": settings.TOOLBAR, "DEBUG": True}}.items():
    with override_settings(**changed):
        for request, before, now in zip(REQUESTS, expected, answers(**browser), strict=True):
            if before[0] != now[0] or not before[1] <= now[1]:
                print(name, request, before, now)
print(len(expected))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with all of the middleware, shared by these tests."""
    folder = start_project(tmp_path_factory.mktemp("middleware"))
    extend(folder, SETTINGS, URLS)
    migrate(folder, adds_apps=True)
    return folder


def extend(folder: Path, settings: str, urls: str = "") -> None:
    for name, more in (("settings", settings), ("urls", urls)):
        with (folder / "host" / f"{name}.py").open("a") as file:
            file.write(more)


def printed(folder: Path, script: str) -> list[str]:
    return run(folder, sys.executable, "-W", "ignore", "-c", CALLERS + script).splitlines()


def test_no_middleware_changes_an_api_response(project):
    assert printed(project, SAME) == ["34"]


HOSTS_OWN = """
mine, theirs = token_of("ann"), token_of("bob")
for path in ("/plain", "/later", "/rest"):
    shown = [ask("GET", path, token) for token in (mine, theirs, {})]
    print([response.status_code for response in shown], [response.json().get("key") for response in shown[:2]],
          {response.headers["Cache-Control"] for response in shown}, shown[0].has_header("ETag"))
page = ask("OPTIONS", "/public", APP | {"access-control-request-method": "GET"})
print(page.status_code, page.headers["Access-Control-Allow-Origin"], page.headers["Access-Control-Expose-Headers"])
page = ask("GET", "/public")
print(page.has_header("ETag"), page.headers["Cache-Control"], page.headers["Content-Security-Policy"])
print(ask("GET", "/members").headers["Location"], ask("GET", "/unknown", {"accept-language": "de"}).headers["Location"])
with override_settings(MIDDLEWARE=settings.TOOLBAR, DEBUG=True):
    print(b"djDebug" in ask("GET", "/public").content)
"""


def test_host_pages_keep_the_middleware_and_guarded_views_work(project):
    guarded = "[200, 200, 401] ['ann', 'bob'] {'private, no-store'} False"
    assert printed(project, HOSTS_OWN) == [
        *(guarded, guarded, guarded),
        "200 * x-of-the-host",
        "True max-age=600 default-src 'self'",
        "/accounts/login/?next=/members /de/unknown/",
        "True",
    ]


LOCKED = """
from axes.utils import reset
def tried(password):
    response = sign_in(password)
    shown = response.json()
    print(response.status_code, shown["errors"][0]["code"] if "errors" in shown else "in",
          response.headers["Access-Control-Allow-Origin"])

reset()
for password in ("wrong", "wrong", "wrong", "correct horse"):
    tried(password)
print(ask("POST", "/admin/login/", {}, "username=ann&password=correct+horse").status_code)
reset(username="ann")
tried("correct horse")
"""


def test_an_axes_lockout_applies_to_the_api_and_to_the_hosts_login(project):
    page = "https://app.example.com"
    wrong, locked = f"422 form_password_incorrect {page}", f"403 user_locked {page}"
    assert printed(project, LOCKED) == [wrong, wrong, locked, locked, "429", f"200 in {page}"]


OWN = """
from client_sessions.models import ClientSession
from django.contrib.auth.models import User
from django.test import TestCase
from sessions_core.models import ApiKey, Workspace
from user_sessions.models import UserSessionPolicy

class Pages(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.here = Workspace.objects.create(name="Mine", is_sandbox=True)
        UserSessionPolicy.objects.create(workspace=cls.here, frontend_api="http://testserver")
        cls.ann = User.objects.create_user("ann", "ann@example.com", "correct horse")

    def test_a_visitor_is_asked_for_a_login(self):
        assert self.client.get("/members").headers["Location"] == "/accounts/login/?next=/members"

    def test_a_member_is_not(self):
        self.client.force_login(self.ann)
        self.assertContains(self.client.get("/members"), "for members")

    def test_a_page_is_cached(self):
        first, second = (self.client.get("/public") for _ in range(2))
        assert first.content == second.content and "Expires" in second.headers

    def test_another_origin_may_read_it(self):
        asked = {"origin": "https://app.example.com", "access-control-request-method": "GET"}
        assert self.client.options("/public", headers=asked).headers["Access-Control-Allow-Origin"] == "*"

    def test_a_client_session_opens_a_guarded_view_and_the_login_none(self):
        self.client.force_login(self.ann)
        token = ClientSession.objects.start(self.here, actor="test", user_identifier_key="ann").token
        self.assertContains(self.client.get("/plain", headers={"client-session-token": token}), "ann")
        assert self.client.get("/plain").status_code == 401

    def test_a_backend_asks_with_its_key(self):
        key = ApiKey.objects.issue(self.here, name="a backend", actor="test")[1]
        assert self.client.get("/v1/jwks").status_code == 401
        assert self.client.get("/v1/jwks", headers={"authorization": f"Bearer {key}"}).status_code == 200
"""


def test_the_projects_own_tests_pass_with_gatepass_installed(project):
    (project / "host" / "tests.py").write_text(OWN)
    run(project, sys.executable, "-W", "ignore", "manage.py", "test", "host.tests")
