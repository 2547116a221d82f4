"""Run the commands of the pages while the old packages are not installed, and print what they wrote."""

import json
import os
import sys
from datetime import UTC
from io import StringIO
from pathlib import Path

if Path("host/settings_after.py").exists():
    os.environ["DJANGO_SETTINGS_MODULE"] = "host.settings_after"

import django

django.setup()

from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client

from user_sessions.imports.simplejwt_tokens import BLACKLIST
from user_sessions.management.commands.import_sessions import TABLES
from user_sessions.models import UserSession

pages, secrets, *more = (json.loads(word) if word.startswith("[") else word for word in sys.argv[1:])
PRESENT = {reader.table for reader in TABLES.values()} | {BLACKLIST}
PRESENT &= set(connection.introspection.table_names())


def rows(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return sorted(map(repr, cursor.fetchall()))


def report(words):
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    printed.append(out.getvalue())
    return json.loads(out.getvalue())


def in_utc(time):
    return time.astimezone(UTC).isoformat()


printed = []
before = {table: rows(table) for table in PRESENT}
connections.databases["old"] = connections.databases["default"]  # as if the source were in a database of its own
reports = {dry[1]: [report(words) for words in (dry, real, [*real, "--database", "old"])] for dry, real in pages}
changed = [table for table in PRESENT if rows(table) != before[table]]
sessions = [
    {
        "user": each.user.get_username(),
        "closed_by": each.closed_by,
        "close_reason": each.close_reason,
        "status": each.status,
        "device": each.latest_activity and str(each.latest_activity.device),
        **{name: in_utc(getattr(each, name)) for name in ("created_at", "last_active_at", "expire_at", "closed_at")},
    }
    for each in UserSession.objects.select_related("user", "latest_activity")
]
live = UserSession.objects.live().count()
private = None
if more:
    copy, cookie = more
    with connection.cursor() as cursor:
        cursor.execute(copy)
        cursor.execute(copy)
    browser = Client(headers={"cookie": f"sessionid={cookie}"})
    page = browser.get("/private/")
    private = [page.status_code, UserSession.objects.live().get().user.get_username()]
ours = {model for model in apps.get_models() if model._meta.app_label in ("sessions_core", "user_sessions")}
stored = "".join(repr(row) for model in ours for row in model._base_manager.values_list())
found = [secret[:4] for secret in secrets if secret in stored or secret in "".join(printed)]
print(
    json.dumps(
        {
            "reports": reports,
            "sessions": sessions,
            "sources_changed": changed,
            "found_secrets": found,
            "live": live,
            "private": private,
        }
    )
)
