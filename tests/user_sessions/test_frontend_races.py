"""Concurrent requests of browsers: real threads over HTTP, each with its own connection."""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from sessions_core.cleaning import clean, kind_named
from sessions_core.models import Event
from tests.embedded import examples
from tests.user_sessions.factors import APP_CODES
from tests.user_sessions.pages import APP, HOSTS, Page, handshake, listing, signed_in_client, ticket_for, token_of
from user_sessions.clerk.handshakes import Handshake
from user_sessions.models import Activity, Client, SigningKey, UserSession
from user_sessions.models.nonces import SpentNonce

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = examples(3)


@pytest.fixture(autouse=True)
def hosts(settings, workspace):
    settings.ALLOWED_HOSTS = HOSTS
    settings.USER_SESSIONS = {"RATES": {"visitor": None}}
    listing(workspace)
    SigningKey.objects.current(workspace)


def errors(answers: list[Any]) -> Counter[str]:
    """Count the error codes; an empty string is success."""
    return Counter(answer.error for answer in answers)


def verb(page: Page, session_id: str, verb: str, **form: str) -> Any:
    return partial(page.post, f"client/sessions/{session_id}/{verb}", **form)


def pages(token: str, number: int) -> list[Page]:
    """Return this many tabs of one browser."""
    return [Page(cookie=token) for _ in range(number)]


def live_ones(*tabs: Page) -> list[Page]:
    """Return the tabs with a valid client token."""
    return [tab for tab in tabs if tab.get("me").status_code == 200]


@pytest.mark.parametrize("same_client", [False, True])
def test_twenty_concurrent_uses_of_a_ticket_sign_in_once(workspace, u1, at_once, same_client):
    ticket = ticket_for(workspace, u1)
    token = token_of(Client.objects.begin(workspace, at=timezone.now())) if same_client else None
    tabs = [Page(cookie=token) for _ in range(20)]
    answers = at_once(*(partial(tab.use, ticket) for tab in tabs))
    assert errors(answers) == {"": 1, "sign_in_token_already_used_code": 19}
    assert {answer.status_code for answer in answers} == {200, 400}
    session = UserSession.objects.get()
    (winner,) = (tab for tab, answer in zip(tabs, answers, strict=True) if answer.status_code == 200)
    assert winner.signed_in() == [session.pk]
    assert winner.get("me").status_code == 200
    assert [tab.signed_in() for tab in tabs if tab is not winner] == [[]] * 19
    assert Client.objects.count() == 1
    assert Event.objects.filter(type="sign_in_token.accepted").count() == 1


def test_two_concurrent_sign_ins_on_one_client_give_one_session(workspace, u1, u2, at_once):
    for _ in range(ROUNDS):
        client = Client.objects.begin(workspace, at=timezone.now())
        tickets = {user: ticket_for(workspace, user) for user in (u1, u2)}
        tabs = pages(token_of(client), 2)
        answers = at_once(*(partial(tab.use, ticket) for tab, ticket in zip(tabs, tickets.values(), strict=True)))
        assert errors(answers) == {"": 1, "authentication_invalid": 1}
        assert Client.objects.count() == client.sessions.count() == 1
        (winner,) = (tab for tab, answer in zip(tabs, answers, strict=True) if answer.status_code == 200)
        assert live_ones(*tabs) == [winner]
        UserSession.objects.all().revoke(actor="test")
        Client.objects.all().delete()


def test_a_refused_concurrent_sign_in_does_not_use_its_ticket(workspace, u1, u2, at_once):
    for _ in range(ROUNDS):
        client = Client.objects.begin(workspace, at=timezone.now())
        tickets = [ticket_for(workspace, user) for user in (u1, u2)]
        tabs = pages(token_of(client), 2)
        answers = at_once(*(partial(tab.use, ticket) for tab, ticket in zip(tabs, tickets, strict=True)))
        for answer, ticket in zip(answers, tickets, strict=True):
            again = Page().use(ticket)
            assert again.error == ("sign_in_token_already_used_code" if answer.status_code == 200 else "")


@pytest.mark.wire("C197")
def test_concurrent_codes_start_one_session_even_if_the_host_accepts_each(workspace, u1, at_once, settings):
    unlimited = {"visitor": None, "password": None, "account": None}
    settings.USER_SESSIONS = {
        "RATES": unlimited,
        "SIGN_IN_REQUIREMENT": "tests.user_sessions.factors.reusable",
    }
    u1.set_password("correct horse")
    u1.save()
    for _ in range(ROUNDS):
        page = Page()
        begun = page.post("client/sign_ins", strategy="password", identifier="u1", password="correct horse").json()
        path = f"client/sign_ins/{begun['response']['id']}/attempt_second_factor"
        tabs = pages(str(page.cookie), 5)
        answers = at_once(*(partial(tab.post, path, strategy="totp", code=APP_CODES[0]) for tab in tabs))
        assert errors(answers)[""] == 1
        # A tab that is read in time finds the sign-in complete; a later one presents a token that was replaced.
        complete = "invalid_action_for_sign_in"
        assert set(errors(answers)) <= {"", complete, "authentication_invalid", "signed_out"}
        assert UserSession.objects.live().count() == 1
        UserSession.objects.all().revoke(actor="test")


def test_two_concurrent_switches_leave_one_valid_token(workspace, u1, u2, at_once):
    for _ in range(ROUNDS):
        client = signed_in_client(workspace, u1, u2)
        Client.objects.filter(pk=client.pk).update(last_active_session=None)
        sessions = list(client.sessions.values_list("pk", flat=True))
        tabs = pages(token_of(client), 2)
        answers = at_once(*(verb(tab, id, "touch") for tab, id in zip(tabs, sessions, strict=True)))
        assert set(errors(answers)) <= {"", "authentication_invalid", "signed_out"}
        (winner,) = (tab for tab, answer in zip(tabs, answers, strict=True) if answer.status_code == 200)
        assert winner.cookie == token_of(client)
        assert live_ones(*tabs) == [winner]
        assert len(winner.signed_in()) == 2


def test_deleting_unused_clients_loses_no_concurrent_sign_in(workspace, u1, at_once):
    for _ in range(3 * ROUNDS):
        client = Client.objects.begin(workspace, at=timezone.now() - timedelta(days=2))
        page = Page(cookie=token_of(client))
        forget = partial(clean, kind_named("clients"))
        begun, forgotten = at_once(partial(page.post, "client/sign_ins", identifier="u1"), forget)
        assert forgotten.deleted in (0, 1)
        if begun.status_code == 200:  # on this client, or as a visitor on a new one
            assert page.get("client").json()["response"]["sign_in"] == begun.json()["response"]
        else:
            assert begun.error == "authentication_invalid" and not Client.objects.filter(pk=client.pk).exists()


@pytest.mark.promise("P15")
@pytest.mark.parametrize(("first", "second", "ending"), [("touch", "revoke", "revoked"), ("end", "remove", "removed")])
def test_a_concurrent_ending_wins(workspace, u1, u2, at_once, first, second, ending):
    for _ in range(ROUNDS):
        client = signed_in_client(workspace, u1, u2)
        session = client.sessions.get(user=u2)
        UserSession.objects.filter(pk=session.pk).update(last_active_at=timezone.now() - timedelta(minutes=5))
        one, other = pages(token_of(client), 2)
        ends = partial(session.revoke, actor="test") if second == "revoke" else verb(other, session.pk, second)
        answer, ended = at_once(verb(one, session.pk, first), ends)
        assert ended is True or ended.status_code == 200
        assert answer.error in ("", "authentication_invalid", "invalid_action_for_session", "resource_not_found")
        assert UserSession.objects.get(pk=session.pk).status == ending
        assert verb(one, session.pk, "touch")().error in ("authentication_invalid", "resource_not_found")
        assert verb(one, session.pk, "tokens")().status_code in (401, 404)
        happened = Event.objects.filter(subject=session.pk, type=f"user_session.{ending}").count()
        assert happened == 1


@pytest.mark.promise("P15")
@pytest.mark.parametrize("ending", ["end", "remove"])
def test_concurrent_endings_record_one_event(workspace, u1, at_once, ending):
    client = signed_in_client(workspace, u1)
    session = client.sessions.get()
    answers = at_once(*(verb(tab, session.pk, ending) for tab in pages(token_of(client), 6)))
    assert {answer.status_code for answer in answers} <= {200, 400, 404}
    assert errors(answers)[""] == 1
    assert Event.objects.filter(subject=session.pk).exclude(type="user_session.created").count() == 1


def test_twenty_concurrent_first_touches_write_one_activity(workspace, u1, at_once):
    client = signed_in_client(workspace, u1)
    session = client.sessions.get()
    UserSession.objects.filter(pk=session.pk).update(last_active_at=timezone.now() - timedelta(minutes=5))
    answers = at_once(*(verb(tab, session.pk, "touch") for tab in pages(token_of(client), 20)))
    assert errors(answers) == {"": 20}
    assert Activity.objects.get().session_id == session.pk


def test_concurrent_redemptions_of_a_nonce_succeed_once(workspace, u1, backend, at_once):
    client = signed_in_client(workspace, u1)
    for _ in range(ROUNDS):
        SpentNonce.objects.create(id="old", expire_at=timezone.now() - timedelta(minutes=1))
        facts = Handshake(session_id=str(client.last_active_session_id), origin=APP, dev_browser="", suffixed=False)
        nonce = facts.nonce(workspace, at=timezone.now())
        redeem = partial(backend.get, "v1/clients/handshake_payload", f"?nonce={nonce}")
        assert errors(at_once(*[redeem] * 10)) == {"": 1, "invalid_handshake": 9}


def test_a_concurrent_sign_in_and_sign_out_leave_one_outcome(workspace, u1, u2, at_once):
    """In any order, no session is reachable with a token that another caller knows."""
    for _ in range(ROUNDS):
        client = signed_in_client(workspace, u1)
        one, other = pages(token_of(client), 2)
        closed, signed_in = at_once(
            partial(one.send, "POST", "client?_method=DELETE"), partial(other.use, ticket_for(workspace, u2))
        )
        assert closed.error in ("", "authentication_invalid", "resource_not_found")
        assert signed_in.error in ("", "authentication_invalid")
        assert "" in (closed.error, signed_in.error)
        assert Page(cookie=token_of(client)).signed_in() == [] or closed.error
        assert (len(other.signed_in()) > 0) == (signed_in.error == "")


@pytest.mark.promise("P16")
@pytest.mark.parametrize("beside", ["touch", "end", "remove", "sign out", "forget"])
def test_a_concurrent_impersonation_does_not_deadlock(workspace, u1, u2, at_once, beside):
    """Both requests change the client and its sessions."""
    queries = {"sign out": "client/sessions?_method=DELETE", "forget": "client?_method=DELETE"}
    for _ in range(2 * ROUNDS):
        client = signed_in_client(workspace, u1, u2)
        session = client.sessions.get(user=u1)
        UserSession.objects.filter(pk=session.pk).update(last_active_at=timezone.now() - timedelta(minutes=5))
        agent, *tabs = pages(token_of(client), 4)
        path = queries.get(beside, f"client/sessions/{session.pk}/{beside}")
        actor = ticket_for(workspace, u1, impersonator={"sub": "agent"})
        answers = at_once(partial(agent.use, actor), *(partial(tab.post, path) for tab in tabs))
        assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
        live = client.sessions.live(at=timezone.now())
        if live.filter(impersonator__isnull=False).exists():
            assert not live.filter(impersonator__isnull=True).exists()


@pytest.mark.promise("P15")
def test_a_handshake_racing_a_revoke_gives_no_token_after_it(workspace, u1, at_once):
    client = signed_in_client(workspace, u1)
    session, token = client.sessions.get(), token_of(client)
    browser = Page(cookie=token, origin=None)
    asked = [partial(handshake, Page(cookie=token, origin=None), format="nonce")] * 6
    revoked, *answers = at_once(partial(session.revoke, actor="test"), *asked)
    assert revoked is True and {answer.status_code for answer in answers} == {307}
    answers.append(handshake(browser, format="nonce"))
    for answer in answers:  # including responses sent during the revocation
        (nonce,) = parse_qs(urlsplit(answer.headers["location"]).query)["__clerk_handshake_nonce"]
        directives = Handshake.redeem(nonce, workspace, at=timezone.now()).directives(workspace, at=timezone.now())
        assert next(each for each in directives if each.startswith("__session=")).startswith("__session=; ")
