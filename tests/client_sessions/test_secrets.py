"""Nothing stored, logged or displayed is a working credential."""

import base64
import logging

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Event
from tests.callers import Caller, bearer
from tests.dump import dump


def is_credential(text: str) -> bool:
    """Return True if the text works as a credential in any header of this API."""
    if not text or not text.isprintable() or not text.isascii():
        return False
    callers = [
        bearer(text),
        Caller(**{"client-session-token": text}),
        Caller(**{"seam-client-session-token": text}),
        Caller(**{"seam-publishable-key": text}),
    ]
    return any(
        caller.post(path, user_identifier_key="thief").status_code == 200
        for caller in callers
        for path in ("workspaces/get", "client_sessions/get_or_create")
    )


@pytest.mark.promise("P1")
def test_a_dump_of_the_database_contains_no_credential(backend, api_key, publishable_key, open_session):
    session = open_session(user_identifier_key="u1")
    assert is_credential(api_key) and is_credential(publishable_key) and is_credential(session["token"])
    found = dump()
    assert session["client_session_id"] in found, "the dump is empty"
    secrets = [text.rpartition("_")[2] for text in (api_key, publishable_key, session["token"])]
    everything = "\n".join(found)
    for secret in secrets:
        assert secret not in everything
        assert secret.encode().hex() not in everything
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in everything
    # The shortest credential has more characters than that, and permissions alone are hundreds of words.
    assert [text for text in sorted(found) if len(text) >= 16 and is_credential(text)] == []


@pytest.mark.wire("S98")
@pytest.mark.promise("P6")
def test_only_the_session_object_contains_the_token(backend, open_session, home, caplog):
    caplog.set_level(logging.DEBUG)
    session = open_session(user_identifier_key="a-very-secret-key", connected_account_ids=[home.a1])
    caller = bearer(session["token"])
    id = session["client_session_id"]
    answers = [
        caller.get("devices/list"),
        caller.get("devices/get", f"?device_id={home.d3}"),
        caller.get("workspaces/get"),
        caller.get("client_sessions/list"),
        backend.post("client_sessions/create", user_identifier_key="a-very-secret-key"),
        backend.post("client_sessions/revoke", client_session_id=id),
        caller.get("devices/list"),
        backend.post("client_sessions/delete", client_session_id=id),
        caller.get("devices/list"),
    ]
    secret = session["token"].rpartition("_")[2]
    for answer in answers:
        assert secret not in answer.content.decode() + str(answer.headers)
    assert secret not in caplog.text
    assert "a-very-secret-key" not in caplog.text
    assert secret not in "".join(str(event.data) + event.actor for event in Event.objects.all())


@pytest.fixture
def console(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "x"))
    return client


@pytest.mark.promise("P4")
def test_repr_and_the_console_show_no_secret(console, api_key, open_session, home):
    session = open_session(user_identifier_key="u1", connected_account_ids=[home.a1])
    row = ClientSession.objects.get()
    key = ApiKey.objects.get(kind=ApiKey.Kind.SECRET)
    pages = [
        console.get("/admin/client_sessions/clientsession/"),
        console.get(f"/admin/client_sessions/clientsession/{row.pk}/change/"),
        console.get("/admin/sessions_core/apikey/"),
        console.get(f"/admin/sessions_core/apikey/{key.pk}/change/"),
        console.get("/admin/sessions_core/event/"),
    ]
    assert {page.status_code for page in pages} == {200}
    shown = "".join(page.content.decode() for page in pages) + f"{row!r} {row} {key!r} {key}"
    assert session["client_session_id"] in shown
    for text in (session["token"], api_key):
        assert text.rpartition("_")[2] not in shown
