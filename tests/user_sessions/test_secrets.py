"""Nothing stored or displayed is a private key or a credential."""

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client

from sessions_core.checks import check_secrets
from sessions_core.crypto.encryption import CannotOpen
from sessions_core.crypto.sealing import open_in
from tests.callers import bearer
from tests.dump import dump
from user_sessions.checks import check_settings
from user_sessions.keys.key_pairs import new_key_pair
from user_sessions.models import SigningKey, UserSession
from user_sessions.models.signing_keys import private_key

pytestmark = pytest.mark.usefixtures("unseen_operators")


@pytest.mark.promise("P1")
def test_no_private_key_is_in_a_dump(workspace, api_key):
    key, _ = private_key(SigningKey.objects.current(workspace).kid)
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    prime = key.private_numbers().p.to_bytes(128)
    everything = "\n".join(dump())
    assert SigningKey.objects.get().kid in everything
    for secret in (pkcs8, prime):
        assert secret.hex() not in everything
        assert base64.b64encode(secret).decode()[4:-4] not in everything


@pytest.mark.promise("P1")
def test_no_string_of_a_dump_is_a_secret_key(workspace, api_key, session):
    assert bearer(api_key).get("v1/jwks").status_code == 200
    SigningKey.objects.current(workspace)
    candidates = [text for text in dump() if len(text) >= 16 and text.isascii() and text.isprintable()]
    assert session.pk in candidates
    assert [text for text in candidates if bearer(text).get("v1/jwks").status_code == 200] == []


@pytest.mark.promise("P2")
def test_a_private_key_moved_to_another_workspace_does_not_open(workspace, elsewhere):
    here, there = SigningKey.objects.current(workspace), SigningKey.objects.current(elsewhere)
    assert open_in(here, here.sealed_private_key)
    with pytest.raises(CannotOpen):
        open_in(there, here.sealed_private_key)


def test_repr_of_a_key_pair_does_not_show_the_private_key():
    pair = new_key_pair("RS256")
    assert repr(pair) == f"KeyPair({pair.kid})"


@pytest.mark.promise("P3")
@pytest.mark.django_db
def test_e010_reports_a_wrong_encryption_key_and_the_fix(workspace, settings):
    key = SigningKey.objects.current(workspace)
    assert list(check_secrets(databases=["default"])) == []
    settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"ENCRYPTION_KEYS": ["another key, of thirty-two characters"]}
    (message,) = check_secrets(databases=["default"])
    assert message.id == "sessions_core.E010"
    assert key.kid in message.hint
    with pytest.raises(SystemCheckError, match="Add the encryption key that encrypted them"):
        call_command("check", databases=["default"])


@pytest.mark.parametrize(
    ("given", "id"),
    [
        ({"TOUCH": 1}, "user_sessions.E001"),
        ({"TOUCH_INTERVAL": 60}, "user_sessions.E002"),
        ({"SESSION_TOKEN_LIFETIME": None}, "user_sessions.E002"),
        ({"SESSION_TOKEN_LIFETIME": timedelta(milliseconds=999)}, "user_sessions.E002"),
        ({"ALLOW_UNFILTERED_LIST": "no"}, "user_sessions.E003"),
        ({"JWKS_MAX_AGE": 300}, "user_sessions.E002"),
        ({"TEMPLATE_TOKEN_MAX_LIFETIME": timedelta(0)}, "user_sessions.E002"),
        ({"SESSION_TOKEN_VERSION": "2"}, "user_sessions.E005"),
        ({"SESSION_TOKEN_VERSION": True}, "user_sessions.E005"),
        ({"USER_PROFILE": "no.such.function"}, "user_sessions.E004"),
        ({"USER_PROFILE": "user_sessions.profiles.__name__"}, "user_sessions.E004"),
        ({"USER_PROFILE": None}, "user_sessions.E004"),
        ({"MAY_BE_IMPERSONATED": "no.such.function"}, "user_sessions.E008"),
        ({"MAY_BE_IMPERSONATED": "user_sessions.users.PREFIX"}, "user_sessions.E008"),
        ({"MAY_BE_IMPERSONATED": True}, "user_sessions.E008"),
    ],
)
def test_e001_to_e008_report_invalid_settings(settings, given, id):
    settings.USER_SESSIONS = given
    assert [message.id for message in check_settings()] == [id]


@pytest.mark.promise("P4")
def test_the_console_shows_no_private_key_and_no_token(workspace, session, u2):
    SigningKey.objects.current(workspace)
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    key = SigningKey.objects.get()
    pages = [
        client.get("/admin/user_sessions/signingkey/"),
        client.get(f"/admin/user_sessions/signingkey/{quote(key.pk)}/change/"),
        client.get(f"/admin/user_sessions/usersession/{session.pk}/change/"),
        client.get(f"/admin/user_sessions/client/{session.client_id}/change/"),
        *(client.get("/admin/user_sessions/usersession/", {"status_now": status}) for status in ("active", "expired")),
        client.get("/admin/user_sessions/usersession/", {"q": "u1"}),
    ]
    assert {page.status_code for page in pages} == {200}
    shown = "".join(page.content.decode() for page in pages)
    assert key.kid in shown
    assert bytes(key.sealed_private_key).hex()[:40] not in shown
    assert session in pages[4].context["cl"].queryset
    assert session not in pages[5].context["cl"].queryset
    assert session in pages[6].context["cl"].queryset


def test_an_operator_revokes_from_the_console(workspace, session):
    client = Client()
    root = get_user_model().objects.create_superuser("root")
    client.force_login(root)
    chosen = {"action": "revoke", "_selected_action": [session.pk]}
    client.post("/admin/user_sessions/usersession/", chosen)
    assert UserSession.objects.get().status == "active"
    client.post("/admin/user_sessions/usersession/", {**chosen, "confirmed": "yes", "reason": "a test"})
    revoked = UserSession.objects.get()
    assert (revoked.status, revoked.closed_by) == ("revoked", f"operator:{root.pk}")
