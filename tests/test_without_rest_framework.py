"""Models and verbs work without REST framework; only the API views need it.

Only the views of the sample devices need django-filter.
"""

import subprocess
import sys

import pytest

from tests.embedded import embedded

pytestmark = embedded

HOST = """
import sys

sys.modules[sys.argv.pop(1)] = None  # as if it were not installed

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "sessions_core", *sys.argv[1:]],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    SECRET_KEY="s" * 50,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    },
    SESSIONS_CORE={"TOKEN_KEYS": ["t" * 40], "ENCRYPTION_KEYS": ["e" * 40]},
)
django.setup()
urlpatterns = []

from django.core.management import call_command

call_command("check")
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User
from sessions_core.models import Workspace

here = Workspace.objects.create(name="here")
"""
OF_CLIENT_SESSIONS = """
from client_sessions import decorators, scoping
from client_sessions.models import ClientSession

print(ClientSession.objects.start(here, actor="test").revoke(actor="test"))
"""
OF_DEVICES = """
from client_sessions import authentication, filters, urls
from client_sessions.devices.models import Customer

print(Customer.objects.create(workspace=here, key="c").workspace == here)
"""
OF_USER_SESSIONS = """
from user_sessions.models import UserSession
from user_sessions.pages import device_urls
from user_sessions.tokens.session_tokens import session_token

session = UserSession.objects.start(here, User.objects.create_user("ann"), actor="test")
print(session.revoke(actor="test"))
"""


@pytest.mark.parametrize(
    ("missing", "apps", "script"),
    [
        ("rest_framework", ["client_sessions"], OF_CLIENT_SESSIONS),
        ("rest_framework", ["user_sessions"], OF_USER_SESSIONS),
        ("django_filters", ["client_sessions", "client_sessions.devices"], OF_DEVICES),
    ],
)
def test_an_app_alone_imports_migrates_and_revokes(missing, apps, script):
    done = subprocess.run([sys.executable, "-c", HOST + script, missing, *apps], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
