"""Sign users in with django-user-sessions, and print what it knows of it."""

import json
import os
import time
from datetime import UTC, datetime

os.environ["DJANGO_SETTINGS_MODULE"] = "host.settings_both"

import django

django.setup()

from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.core.signing import b62_decode
from django.test import Client

from user_sessions.models import Session

PASSWORD = "correct horse"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ann, bob, admin = (User.objects.create_user(name, password=PASSWORD) for name in ("ann", "bob", "admin"))


def signed_in(user, **browser):
    client = Client(**browser)
    answer = client.post("/login/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return Session.objects.get(pk=client.cookies["sessionid"].value)


def in_utc(time):
    return time.astimezone(UTC).isoformat()


# A row of Django's own table, which the package's own command copies
call_command("migrate", "sessions", verbosity=0)
plain = SessionStore()
plain[auth.SESSION_KEY], plain[auth.HASH_SESSION_KEY] = str(admin.pk), admin.get_session_auth_hash()
plain[auth.BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
plain.save()
time.sleep(1.1)  # so that the copy is later than what it copies, which is signed in whole seconds
call_command("migratesessions", oldmodel="django.contrib.sessions.models.Session")
copied = Session.objects.get(pk=plain.session_key)
assert (copied.ip, copied.user_agent) == ("127.0.0.1", None)

first = signed_in(ann, headers={"user-agent": FIREFOX}, REMOTE_ADDR="198.51.100.7")
other = signed_in(bob, headers={"user-agent": "curl"}, REMOTE_ADDR="2001:db8::7")
Client().get("/basket/")
bob.set_password("another one")
bob.save()
saved_at = datetime.fromtimestamp(b62_decode(copied.session_data.split(":")[1]), UTC)
print(
    json.dumps(
        {
            "ann": {"last_activity": in_utc(first.last_activity)},
            "migrated": {"saved_at": in_utc(saved_at)},
            "cookie": first.session_key,
            "secrets": [text for each in Session.objects.all() for text in (each.session_key, each.session_data)],
        }
    )
)
