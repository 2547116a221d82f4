"""``manage.py api_key``, and keys that end."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from sessions_core.management.durations import duration_of, format_duration
from sessions_core.models import ApiKey, Event, NotRollable, Workspace

NOW = timezone.now()
HOUR = timedelta(hours=1)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("api_key", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def issued(workspace):
    return ApiKey.objects.issue(workspace, name="backend", actor="test")


# Keys that end


def test_a_rolled_key_and_its_successor_both_work_during_the_overlap(issued, django_assert_num_queries):
    key, text = issued
    successor, new = key.roll(overlap=HOUR, actor="test")
    assert (successor.name, successor.kind, successor.workspace) == (key.name, key.kind, key.workspace)
    for each, expected in ((text, key), (new, successor)):
        with django_assert_num_queries(1):
            assert ApiKey.authenticate(each) == expected


def test_after_the_overlap_only_the_successor_works(issued):
    key, text = issued
    _, new = key.roll(overlap=HOUR, actor="test", at=NOW - HOUR)
    assert ApiKey.authenticate(text) is None
    assert ApiKey.authenticate(new)


def test_the_queryset_and_the_property_agree_to_the_microsecond(issued):
    key, _ = issued
    key.roll(overlap=HOUR, actor="test", at=NOW)
    for at in (NOW, NOW + HOUR - timedelta(microseconds=1), NOW + HOUR):
        assert ApiKey.objects.usable(at=at).filter(pk=key.pk).exists() == key.is_usable("secret", at=at)
    assert not key.is_usable("secret", at=NOW + HOUR)


def test_a_publishable_key_is_rolled_too(workspace):
    key = ApiKey.objects.issue_publishable(workspace, name="web", actor="test")
    successor, text = key.roll(overlap=HOUR, actor="test", at=NOW - HOUR)
    assert ApiKey.authenticate_publishable(text) == successor
    assert ApiKey.authenticate_publishable(key.publishable_key) is None


def test_a_key_is_rolled_once(issued):
    key, _ = issued
    key.roll(overlap=HOUR, actor="test", at=NOW)
    with pytest.raises(NotRollable):
        ApiKey.objects.get(pk=key.pk).roll(overlap=2 * HOUR, actor="test")
    key.refresh_from_db()
    assert (ApiKey.objects.count(), key.expires_at) == (2, NOW + HOUR)


def test_a_revoked_key_is_not_rolled_and_a_rolled_key_can_be_revoked(issued):
    key, text = issued
    key.roll(overlap=HOUR, actor="test")
    assert key.revoke(actor="test")
    assert ApiKey.authenticate(text) is None
    with pytest.raises(NotRollable):
        key.roll(overlap=HOUR, actor="test")


def test_the_event_of_a_roll_has_the_successor_and_no_secret(issued):
    key, text = issued
    successor, new = key.roll(overlap=HOUR, actor="test", at=NOW)
    event = Event.objects.get(type="api_key.rolled")
    assert (event.subject, event.actor) == (key.short, "test")
    assert event.data == {"successor": successor.short, "expires_at": (NOW + HOUR).isoformat()}
    assert not any(secret in str(each.data) for each in Event.objects.all() for secret in (text, new))


def test_the_console_shows_the_end_of_a_rolled_key(issued, admin_client):
    key, _ = issued
    key.roll(overlap=HOUR, actor="test", at=NOW.replace(year=2031, month=4))
    for page in ("", f"{key.pk}/change/"):
        assert 'title="2031-04-' in admin_client.get(f"/admin/sessions_core/apikey/{page}").content.decode()


# The command


@pytest.mark.parametrize("named_by", ["pk", "name"])
def test_a_key_is_created_and_printed(workspace, named_by):
    key = ApiKey.authenticate(run("create", str(getattr(workspace, named_by)), "--name", "backend").strip())
    assert key
    assert (key.workspace, key.name) == (workspace, "backend")


def test_a_publishable_key_is_created_and_printed(workspace):
    text = run("create", str(workspace.pk), "--name", "web", "--publishable").strip()
    assert ApiKey.authenticate_publishable(text)


def test_json_has_the_new_key_and_its_public_part(workspace):
    created = json.loads(run("create", workspace.name, "--name", "backend", "--json"))
    assert ApiKey.authenticate(created["api_key"]).short == created["public_part"]


def test_an_unknown_or_ambiguous_workspace_gets_an_error_message(workspace):
    Workspace.objects.create(name=workspace.name)
    for named in (workspace.name, "nobody", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(CommandError, match=f"Use the id of a workspace: .*{workspace.pk}"):
            run("create", named, "--name", "backend")
    assert not ApiKey.objects.exists()


def test_a_project_without_a_workspace_gets_an_error_message_that_says_how_to_create_one(db):
    with pytest.raises(CommandError, match=r"No workspace has the id or name 'Mine'.*workspace create NAME"):
        run("create", "Mine", "--name", "backend")


def test_the_list_has_usable_keys_and_no_secret(issued, workspace, elsewhere):
    _, text = issued
    ApiKey.objects.issue(elsewhere, name="other", actor="test")
    revoked, _ = ApiKey.objects.issue(workspace, name="former", actor="test")
    revoked.revoke(actor="test")
    assert [line.split("\t")[2] for line in run("list", workspace.name).splitlines()] == ["backend"]
    assert {key["name"] for key in json.loads(run("list", "--all", "--json"))} == {"backend", "other", "former"}
    assert text not in run("list") and text not in run("list", "--json")


def test_the_list_has_the_end_of_a_rolled_key(issued):
    key, _ = issued
    key.roll(overlap=HOUR, actor="test", at=NOW)
    ends = {each["public_part"]: each["expires_at"] for each in json.loads(run("list", "--json"))}
    assert len(ends) == 2 and ends[key.short].startswith(f"{NOW + HOUR:%Y-%m-%dT%H:%M}")


def test_the_list_has_a_fixed_number_of_queries(issued, workspace, django_assert_num_queries):
    for number in range(5):
        ApiKey.objects.issue(workspace, name=str(number), actor="test")
    with django_assert_num_queries(1):
        run("list")


@pytest.mark.parametrize("named_by", ["pk", "short", "name"])
def test_a_key_is_rolled_by_id_public_part_or_name(issued, named_by):
    key, text = issued
    new = run("roll", str(getattr(key, named_by)), "--overlap", "2h").strip()
    key.refresh_from_db()
    assert timedelta(minutes=119) < key.expires_at - timezone.now() < 2 * HOUR
    assert ApiKey.authenticate(new) and ApiKey.authenticate(text)


def test_rolling_twice_says_until_when_the_key_works(issued):
    key, _ = issued
    run("roll", key.short)
    with pytest.raises(CommandError, match="has a successor and works until 20"):
        run("roll", key.short)


@pytest.mark.parametrize("overlap", ["0h", "24", "h", "-1h", "9999d", "1h30m", "\u0661h"])
def test_an_invalid_overlap_changes_nothing(issued, overlap):
    with pytest.raises(CommandError, match="--overlap"):
        run("roll", "backend", f"--overlap={overlap}")
    assert ApiKey.objects.get().expires_at is None


def test_a_revoked_key_is_refused_and_revoking_it_again_is_a_quiet_success(issued):
    key, text = issued
    assert [run("revoke", key.short) for _ in range(2)] == ["Revoked.\n", "The key was revoked before.\n"]
    assert ApiKey.authenticate(text) is None


def test_two_usable_keys_of_one_name_are_told_apart_by_workspace(issued, elsewhere):
    key, _ = issued
    ApiKey.objects.issue(elsewhere, name="backend", actor="test")
    with pytest.raises(CommandError, match="Several keys have the name 'backend'"):
        run("revoke", "backend")
    run("revoke", "backend", "--workspace", str(key.workspace_id))
    assert list(ApiKey.objects.usable().values_list("workspace", flat=True)) == [elsewhere.pk]


def test_a_key_of_another_workspace_is_not_found(issued, elsewhere):
    with pytest.raises(CommandError, match="No API key"):
        run("revoke", issued[0].short, "--workspace", elsewhere.name)


@pytest.mark.parametrize("text", ["90s", "30m", "24h", "7d"])
def test_a_duration_is_printed_as_it_is_read(text):
    read = duration_of(text)
    assert duration_of(format_duration(read)) == read
    assert format_duration(timedelta(microseconds=1)) == "0:00:00.000001"
