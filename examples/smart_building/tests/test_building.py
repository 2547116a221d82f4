"""A grant of a tenant reaches its doors, locks and cameras, and no rows of other tenants."""

import pytest
from building.models import Lock
from django.test import Client

from client_sessions.models import Action, Terms

TYPES = ["cameras", "doors", "locks"]


def bearer(token: str) -> Client:
    return Client(headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def mine(tenants, session_of):
    return session_of(tenants[0])


@pytest.mark.parametrize("type", TYPES)
def test_a_session_sees_its_tenants_own(type, mine, tenants, session_of):
    theirs = bearer(session_of(tenants[1]).token)
    for caller, name in ((bearer(mine.token), "first"), (theirs, "second")):
        (row,) = caller.get(f"/api/{type}").json()
        assert row["name"].startswith(name)


@pytest.mark.parametrize("type", TYPES)
def test_the_neighbours_rows_are_not_there(type, mine, tenants, session_of):
    (row,) = bearer(session_of(tenants[1]).token).get(f"/api/{type}").json()
    assert bearer(mine.token).get(f"/api/{type}/{row['id']}").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("is_locked=true", ["first lock"]),
        ("is_locked=false", []),
        ("door=first door", ["first lock"]),
        ("door=second door", []),
        ("name__icontains=LOCK", ["first lock"]),
        ("name=second lock", []),
    ],
)
def test_a_filter_narrows_what_was_granted(mine, query, found):
    locks = bearer(mine.token).get(f"/api/locks?{query}").json()
    assert [lock["name"] for lock in locks] == found


def test_the_browsable_page_of_a_list_offers_its_filters(mine):
    page = bearer(mine.token).get("/api/locks", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert 'name="is_locked"' in page.content.decode()


@pytest.mark.parametrize("type", TYPES)
def test_a_caller_without_a_live_session_is_refused(type, mine):
    assert Client().get(f"/api/{type}").status_code == 401
    mine.revoke(actor="test")
    refused = bearer(mine.token).get(f"/api/{type}")
    assert (refused.status_code, refused.json()) == (401, {"detail": "The client session was revoked."})


def test_unlocking_needs_a_grant_that_allows_control(mine, tenants):
    lock, other = Lock.objects.order_by("pk")
    assert bearer(mine.token).post(f"/api/locks/{lock.pk}/unlock").json()["is_locked"] is False
    assert bearer(mine.token).post(f"/api/locks/{other.pk}/unlock").status_code == 404
    mine.revoke_access({"tenant": [str(tenants[0].pk)]}, actor="test")
    mine.grant({"tenant": [str(tenants[0].pk)]}, terms=Terms(actions=[Action.READ]), actor="test")
    assert bearer(mine.token).get(f"/api/locks/{lock.pk}").status_code == 200
    assert bearer(mine.token).post(f"/api/locks/{lock.pk}/unlock").status_code == 404


def test_the_backend_opens_sessions_and_asks_what_a_user_sees(api_key, tenants):
    backend = bearer(api_key)
    asked = {"user_identifier_key": "u1", "tenant_ids": [str(tenants[1].pk)]}
    answer = backend.post("/gatepass/client_sessions/create", asked, content_type="application/json").json()
    assert answer["client_session"]["tenant_ids"] == [str(tenants[1].pk)]
    assert answer["client_session"]["device_count"] == 1
    assert len(backend.get("/api/locks").json()) == 2
    assert [lock["name"] for lock in backend.get("/api/locks?user_identifier_key=u1").json()] == ["second lock"]


def test_a_later_tenant_with_the_same_key_inherits_nothing(mine, tenants):
    first = tenants[0]
    key = first.pk
    first.delete()
    type(first).objects.create(pk=key, name="newcomer").door_set.create(name="newcomer's door")
    assert bearer(mine.token).get("/api/doors").json() == []
