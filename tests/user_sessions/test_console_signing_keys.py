"""Signing keys in the console: what happens to each and when, and rotation, retirement and revocation."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from sessions_core.models import Event
from tests.policies import set_user_session_policy
from user_sessions.console.key_time_lines import stage_of, successor_from, time_line
from user_sessions.models import SigningKey, Stage, signing_keys
from user_sessions.models.signing_keys import SKEW

KEYS = "/admin/user_sessions/signingkey/"
NOW = timezone.now()
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def workspace(workspace):
    """Return a workspace with EdDSA keys, which are generated quickly."""
    set_user_session_policy(workspace, signing_algorithm="EdDSA")
    return workspace


@pytest.fixture
def key(workspace):
    return SigningKey.objects.current(workspace, at=NOW - DAY)


def staff(*permissions):
    user = get_user_model().objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def rotation(key):
    return f"{KEYS}rotate/{key.workspace_id}/"


def line_of(key):
    return f"{KEYS}time_line/{key.workspace_id}/"


def page(key, step="change"):
    return f"{KEYS}{key.pk}/{step}/"


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


def exact(time):
    return f"{timezone.localtime(time):%Y-%m-%d %H:%M:%S}"


# The time line


def states(workspace, at):
    return [re.sub(r"<[^>]+>|[●○▲✕]", "", entry.stage).strip() for entry in time_line(workspace, at=at)]


def test_a_rotation_passes_through_the_states_of_the_time_line(workspace):
    old = SigningKey.objects.current(workspace, at=NOW)
    new = SigningKey.objects.rotate(workspace, actor="test", at=NOW)
    old.refresh_from_db()
    for at, expected in (
        (NOW, ["Next", "Active"]),
        (new.active_from, ["Active", "Retiring"]),
        (old.published_until, ["Active", "Gone"]),
    ):
        assert states(workspace, at) == expected
    new.revoke(actor="test", at=old.published_until)
    assert states(workspace, old.published_until) == ["Active", "Revoked", "Gone"]


def test_the_stage_without_a_query_is_the_stage_of_the_model(workspace):
    old = SigningKey.objects.current(workspace, at=NOW)
    new = SigningKey.objects.rotate(workspace, actor="test", at=NOW)
    old.refresh_from_db()
    for time in (new.active_from, old.published_until):
        for at in (time - SECOND, time, time + SECOND):
            keys = SigningKey.objects.annotate(successor_from=successor_from(at))
            stages = {each: stage_of(each, at=at) for each in keys}
            assert stages == {each: each.stage_at(at) for each in keys}


def test_the_time_line_is_one_query(workspace, key, django_assert_num_queries):
    SigningKey.objects.rotate(workspace, actor="test", at=NOW)
    with django_assert_num_queries(1):
        assert len(time_line(workspace, at=NOW)) == 2


def test_a_key_says_when_its_last_token_expires(workspace):
    old = SigningKey.objects.current(workspace, at=NOW)
    new = SigningKey.objects.rotate(workspace, actor="test", at=NOW)
    old.refresh_from_db()
    entry = time_line(workspace, at=new.active_from)[1]
    assert "No longer signs" in entry.next_step and exact(old.published_until) in entry.next_step


# Rotate


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["retire", "revoke"])
def test_a_successor_is_generated_before_the_transaction(admin_client, workspace, key, monkeypatch, action):
    seen = []
    generate = signing_keys.new_key_pair
    monkeypatch.setattr(
        signing_keys, "new_key_pair", lambda *given: seen.append(connection.in_atomic_block) or generate(*given)
    )
    admin_client.post(f"{KEYS}{quote(key.pk)}/act/{action}/", {"confirmed": "yes"})
    assert seen == [False]
    assert LogEntry.objects.count() == 2  # the key, and its successor


def test_a_rotation_says_what_will_happen_and_when(admin_client, key):
    question = words(admin_client.get(rotation(key)))
    assert "A new key is published now. It signs in 10 minutes (20" in question
    assert f"{key.kid} signs until then. It stays published until 20" in question
    assert SigningKey.objects.count() == 1


def test_a_key_is_rotated_in_three_clicks_with_a_countdown(admin_client, key):
    """Count from the home page as the reference does: signing keys, rotate, confirm."""
    assert f'href="{KEYS}"' in admin_client.get("/admin/").content.decode()
    assert f'href="{rotation(key)}"' in admin_client.get(KEYS).content.decode()
    shown = admin_client.post(rotation(key), follow=True)
    assert shown.redirect_chain == [(line_of(key), 302)]
    following = SigningKey.objects.exclude(pk=key.pk).get()
    assert re.search(
        rf"Next {following.kid} EdDSA .*?Signs in (10|9) minutes \({exact(following.active_from)}", words(shown)
    )
    key.refresh_from_db()
    assert re.search(
        rf"until its successor does: in (10|9) minutes .*published until {exact(key.published_until)}", words(shown)
    )


def test_a_rotation_is_recorded_by_us_and_by_django(admin_client, admin_user, key):
    admin_client.post(rotation(key))
    event = Event.objects.get(type="signing_key.created", actor=f"operator:{admin_user.pk}")
    assert LogEntry.objects.get().object_id == event.subject


def test_a_rotation_while_a_key_is_pending_is_refused_with_the_time(admin_client, workspace, key):
    pending = SigningKey.objects.rotate(workspace, actor="test")
    for answer in (admin_client.get(rotation(key)), admin_client.post(rotation(key))):
        assert f"Refused: {pending.kid} is published and signs in" in words(answer)
        assert exact(pending.active_from) in words(answer)
    assert SigningKey.objects.count() == 2
    assert f'href="{rotation(key)}"' not in admin_client.get(KEYS).content.decode()


def test_a_workspace_without_a_key_can_be_rotated(admin_client, workspace):
    page = f"{KEYS}rotate/{workspace.pk}/"
    assert "The workspace has no key yet." in words(admin_client.get(page))
    admin_client.post(page)
    assert states(workspace, timezone.now()) == ["Next", "Active"]


# Retire and revoke


def retired(client, key):
    return client.post(page(key, "act/retire"), {"confirmed": "yes"}, follow=True)


def test_a_pending_key_is_withdrawn(admin_client, workspace, key):
    pending = SigningKey.objects.rotate(workspace, actor="test")
    assert "It never signs, and leaves the key set now." in words(admin_client.get(page(pending, "act/retire")))
    retired(admin_client, pending)
    assert states(workspace, timezone.now()) == ["Gone", "Active"]


def test_a_key_with_living_tokens_is_not_retired_and_the_page_says_when_it_is_over(admin_client, workspace):
    old = SigningKey.objects.current(workspace, at=NOW - DAY)
    SigningKey.objects.rotate(workspace, actor="test", at=NOW - DAY)
    old.refresh_from_db()
    for answer in (admin_client.get(page(old, "act/retire")), retired(admin_client, old)):
        assert f"tokens that it signed can be valid until {exact(old.published_until - SKEW)}" in words(answer)
        assert exact(old.published_until) in words(answer)
    assert SigningKey.objects.get(pk=old.pk).stage_at(timezone.now()) == Stage.RETIRING
    assert "act/retire" not in admin_client.get(page(old)).content.decode()


def test_a_revocation_says_who_still_trusts_the_key(admin_client, key):
    question = words(admin_client.get(page(key, "act/revoke")))
    assert (
        "Other verifiers accept its tokens until they fetch the key set again: at the latest in 5 minutes" in question
    )
    admin_client.post(page(key, "act/revoke"), {"confirmed": "yes"})
    assert states(key.workspace, timezone.now()) == ["Active", "Revoked"]
    assert "act/revoke" not in admin_client.get(page(key)).content.decode()


def test_several_keys_are_described_one_by_one(admin_client, workspace, key):
    pending = SigningKey.objects.rotate(workspace, actor="test")
    chosen = {"action": "revoke", "_selected_action": [key.pk, pending.pk]}
    question = words(admin_client.post(KEYS, chosen))
    assert f"{key.kid}: This server refuses every token" in question
    assert f"{pending.kid}: It has signed nothing." in question


# Permissions and bad input


def test_a_view_only_operator_can_forge_nothing(key):
    looker = staff("view_signingkey", "change_signingkey")
    for path, given in (
        (rotation(key), {}),
        (page(key, "act/retire"), {"confirmed": "yes"}),
        (page(key, "act/revoke"), {"confirmed": "yes"}),
        (KEYS, {"action": "revoke", "_selected_action": [key.pk], "confirmed": "yes"}),
    ):
        assert looker.post(path, given).status_code == 403
    assert SigningKey.objects.get().stage_at(timezone.now()) == Stage.ACTIVE
    refused = Event.objects.filter(type="console.refused").order_by("pk")
    wanted = ["rotate", "rotate", "revoke", "revoke"]
    assert [event.data["permission"] for event in refused] == [f"user_sessions.{verb}_signingkey" for verb in wanted]


@pytest.mark.parametrize(("permission", "allowed"), [("rotate", "act/retire"), ("revoke", "act/revoke")])
def test_each_permission_allows_its_own_steps_only(key, permission, allowed):
    operator = staff("view_signingkey", f"{permission}_signingkey")
    answers = {step: operator.get(page(key, step)).status_code for step in ("act/retire", "act/revoke")}
    assert answers == {step: 200 if step == allowed else 403 for step in answers}
    assert operator.get(rotation(key)).status_code == (200 if permission == "rotate" else 403)


def test_staff_without_any_permission_see_no_time_line(key):
    assert staff().get(line_of(key)).status_code == 403


def test_an_unknown_workspace_is_not_found(admin_client, key):
    unknown = "00000000-0000-0000-0000-000000000000"
    for step in ("rotate", "time_line"):
        assert admin_client.post(f"{KEYS}{step}/{unknown}/").status_code == 404


def test_a_hostile_workspace_name_is_escaped(admin_client, workspace, key):
    type(workspace).objects.update(name=HOSTILE)
    for path in (KEYS, page(key), rotation(key), line_of(key), page(key, "act/retire"), page(key, "act/revoke")):
        assert HOSTILE not in admin_client.get(path).content.decode()


@pytest.mark.parametrize("rotations", [0, 3])
def test_the_pages_have_a_fixed_number_of_queries(admin_client, workspace, rotations, django_assert_num_queries):
    key = SigningKey.objects.current(workspace, at=NOW - 9 * DAY)
    for days in range(rotations):
        SigningKey.objects.rotate(workspace, actor="test", at=NOW - (9 - days) * DAY)
    for path in (KEYS, page(key)):  # Django keeps the types of models once it has read them
        admin_client.get(path)
    for path, queries in ((KEYS, 5), (page(key), 5), (line_of(key), 4)):
        with django_assert_num_queries(queries):
            assert admin_client.get(path).status_code == 200
