"""Every error of user sessions maps to one of Clerk's errors in both APIs."""

import pytest

from tests.refusals import errors_of
from user_sessions.clerk.frontend import frontend_errors
from user_sessions.clerk.refusals import REFUSALS
from user_sessions.exceptions import AlreadySignedIn, NotLive, ReservedClaim, SessionTokenError, UserSessionError
from user_sessions.models import Ticket, UserSession
from user_sessions.models.session_rows import SessionRow


class Unmapped(UserSessionError):
    """An error without a row in the table."""


def refuse(*_, **__):
    raise Unmapped


# Guards of a host's views raise errors of session tokens, and no dialect uses a guard.
@pytest.mark.parametrize(
    "error", [each for each in errors_of("user_sessions", UserSessionError) if not issubclass(each, SessionTokenError)]
)
@pytest.mark.parametrize("refusals", [REFUSALS, frontend_errors.REFUSALS], ids=["backend", "frontend"])
def test_every_error_class_has_a_row(error, refusals):
    assert error in refusals


@pytest.mark.parametrize("error", [NotLive(), ReservedClaim("sub"), AlreadySignedIn(UserSession(pk="sess_1"))])
def test_an_error_says_its_reason_in_a_traceback(error):
    assert str(error).startswith(("The ", "Only ")) and "``" not in str(error)


def test_the_list_of_errors_is_complete():
    assert NotLive in errors_of("user_sessions", UserSessionError)


def logged(caplog):
    (record,) = [each for each in caplog.records if each.name == "user_sessions.clerk.refusals"]
    return record.levelname, record.exc_info[0]


def test_an_error_without_a_row_is_logged_and_answered_with_500(backend, workspace, u1, monkeypatch, caplog):
    session = UserSession.objects.start(workspace, u1, actor="test")
    monkeypatch.setattr(SessionRow, "revoke", refuse)
    answer = backend.post(f"v1/sessions/{session.pk}/revoke")
    assert (answer.status_code, answer.error) == (500, "internal_server_error")
    assert logged(caplog) == ("ERROR", Unmapped)


def test_a_browser_gets_500_too_and_the_log_quotes_no_ticket(browser, u1, monkeypatch, caplog):
    ticket = browser.ticket_for(u1)
    monkeypatch.setattr(Ticket, "require_pending", refuse)
    answer = browser.get("v1/tickets/accept", f"?ticket={ticket}")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["code"] == "internal_server_error"
    assert logged(caplog) == ("ERROR", Unmapped)
    requests = [record.request for record in caplog.records if hasattr(record, "request")]
    assert requests and not any(request.GET or request.META.get("QUERY_STRING") for request in requests)
