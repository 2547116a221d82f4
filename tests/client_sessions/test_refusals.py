"""Every error of client sessions maps to one of Seam's errors."""

import pytest

from client_sessions.exceptions import ClientSessionError, KeyTaken, NotLive, TokenRevoked
from client_sessions.models import ClientSession
from client_sessions.seam.refusals import REFUSALS
from tests.refusals import errors_of


class Unmapped(ClientSessionError):
    """An error without a row in the table."""


def refuse(*_, **__):
    raise Unmapped


@pytest.mark.parametrize("error", errors_of("client_sessions", ClientSessionError))
def test_every_error_class_has_a_row(error):
    assert error in REFUSALS


@pytest.mark.parametrize("error", [NotLive(), KeyTaken(), TokenRevoked()])
def test_an_error_says_its_reason_in_a_traceback(error):
    assert str(error).endswith(".") and "``" not in str(error)


def test_the_list_of_errors_is_complete():
    assert TokenRevoked in errors_of("client_sessions", ClientSessionError)


def test_an_error_without_a_row_is_logged_and_answered_with_500(backend, open_session, monkeypatch, caplog):
    session = open_session()
    monkeypatch.setattr(ClientSession, "revoke", refuse)
    answer = backend.post("client_sessions/revoke", client_session_id=session["client_session_id"])
    assert (answer.status_code, answer.error, answer.json()["ok"]) == (500, "internal_server_error", False)
    (record,) = [each for each in caplog.records if each.name == "client_sessions.seam.refusals"]
    assert (record.levelname, record.exc_info[0]) == ("ERROR", Unmapped)
