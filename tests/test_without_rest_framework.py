"""Models and verbs work where REST framework is not installed; the dialects alone need it."""

import subprocess
import sys

import pytest

from tests.embedded import embedded

pytestmark = embedded

HOST = """
import sys

sys.modules["rest_framework"] = None  # as if it were not installed

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "sessions_core", *sys.argv[1:]],
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
OF_USER_SESSIONS = """
from user_sessions.models import UserSession
from user_sessions.tokens.session_tokens import session_token

session = UserSession.objects.start(here, User.objects.create_user("ann"), actor="test")
print(session.revoke(actor="test"))
"""


@pytest.mark.parametrize(
    ("apps", "script"), [(["client_sessions"], OF_CLIENT_SESSIONS), (["user_sessions"], OF_USER_SESSIONS)]
)
def test_an_app_alone_imports_migrates_and_revokes(apps, script):
    done = subprocess.run([sys.executable, "-c", HOST + script, *apps], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
