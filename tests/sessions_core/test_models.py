"""Workspaces, API keys and events."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from client_sessions.models import ClientSessionPolicy
from sessions_core.crypto.tokens import ALPHABET
from sessions_core.db import returning
from sessions_core.models import AllowedOrigin, ApiKey, AppendOnly, Event, NoDefaultWorkspace, Workspace
from sessions_core.models.policies import with_policies
from tests.policies import set_client_session_policy, set_user_session_policy
from user_sessions.models import UserSessionPolicy

DAY = timedelta(days=1)


def test_a_secret_key_works_until_it_is_revoked(workspace):
    key, text = ApiKey.objects.issue(workspace, name="backend", actor="test")
    assert ApiKey.authenticate(text) == key
    assert key.revoke(actor="test") is True
    assert ApiKey.authenticate(text) is None


def test_revoking_a_key_again_changes_nothing(workspace):
    key, _ = ApiKey.objects.issue(workspace, name="backend", actor="test")
    key.revoke(actor="test")
    revoked_at = key.revoked_at
    assert key.revoke(actor="test") is False
    key.refresh_from_db()
    assert key.revoked_at == revoked_at
    assert Event.objects.filter(type="api_key.revoked").count() == 1


def test_a_sandbox_key_has_its_own_prefix(workspace, live_workspace):
    assert ApiKey.objects.issue(workspace, name="backend", actor="test")[1].startswith("seam_test")
    assert not ApiKey.objects.issue(live_workspace, name="backend", actor="test")[1].startswith("seam_test")


def test_one_wrong_character_makes_a_key_invalid(workspace):
    _, text = ApiKey.objects.issue(workspace, name="backend", actor="test")
    for index, character in enumerate(text):
        other = ALPHABET[0] if character != ALPHABET[0] else ALPHABET[1]
        assert ApiKey.authenticate(text[:index] + other + text[index + 1 :]) is None


def test_an_invalid_key_costs_no_query(db, django_assert_num_queries):
    malformed = ["seam_a\x00bcdefg_" + "x" * 24, "seam_test1234_short", "seam_test1234_" + "0" * 24]
    with django_assert_num_queries(0):
        for text in [
            *malformed,
            "",
            "seam_",
            "seam_a\x00bcdefg_" + "x" * 24,
            "seam_test1234_short",
            "seam_test1234_" + "0" * 24,
            "sk_test_x",
            "seam_cst1aaaaaaaa_b",
            "seam_pk1aaaaaa_b",
            "seam_at1x_y",
            "seam_ä_b",
        ]:
            assert ApiKey.authenticate(text) is None
            assert ApiKey.authenticate_publishable(text) is None


def test_a_key_costs_one_query(workspace, django_assert_num_queries):
    _, text = ApiKey.objects.issue(workspace, name="backend", actor="test")
    with django_assert_num_queries(1):
        key = ApiKey.authenticate(text)
        assert key and key.workspace == workspace


def test_a_publishable_key_can_be_read_again(workspace):
    key = ApiKey.objects.issue_publishable(workspace, name="web", actor="test")
    text = ApiKey.objects.get(pk=key.pk).publishable_key
    assert text.startswith("seam_pk1")
    assert ApiKey.authenticate_publishable(text) == key
    assert ApiKey.authenticate(text) is None


def test_a_secret_key_cannot_be_read_again(workspace):
    key, text = ApiKey.objects.issue(workspace, name="backend", actor="test")
    long = text.rpartition("_")[2]
    assert key.publishable_key == ""
    assert long not in f"{key} {key!r} {vars(key)}"


def test_the_database_refuses_a_key_of_two_kinds(workspace):
    with pytest.raises(IntegrityError):
        ApiKey.objects.create(workspace=workspace, name="both", short="s", digest="d", sealed_text=b"t")


def test_events_of_several_types_are_one_insert(workspace, django_assert_num_queries):
    facts = {"subject": "1", "workspace": workspace, "actor": "test", "created_at": timezone.now()}
    with django_assert_num_queries(1):
        Event.objects.record_together([Event(type=f"thing.{change}", **facts) for change in ("made", "moved")])
    assert [event.type for event in Event.objects.filter(subject="1").order_by("id")] == ["thing.made", "thing.moved"]


def test_an_insert_has_no_more_parameters_than_a_statement_can_have(workspace, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(returning, "MOST_PARAMETERS", 20)  # an event has six
    facts = {"type": "thing.made", "workspace": workspace, "actor": "test", "created_at": timezone.now()}
    with django_assert_num_queries(3):
        Event.objects.record_together([Event(subject=str(number), **facts) for number in range(7)])
    assert Event.objects.filter(type="thing.made").count() == 7


def test_one_event_with_an_invalid_text_prevents_the_others(workspace):
    facts = {"type": "thing.made", "workspace": workspace, "created_at": timezone.now()}
    with pytest.raises(ValueError, match="actor"):
        Event.objects.record_together([Event(actor="test", **facts), Event(actor="\0", **facts)])
    assert not Event.objects.filter(type="thing.made").exists()


def test_events_cannot_be_changed(workspace):
    event = Event.objects.record("thing.happened", subject="1", workspace_id=workspace.pk, actor="test", size=3)
    assert event.data == {"size": 3}
    for change in (
        event.save,
        event.delete,
        Event.objects.all().delete,
        partial(Event.objects.update, type="thing.else"),
    ):
        with pytest.raises(AppendOnly):
            change()


NO_ORIGINS = [
    *("ftp://x.com", "https://", "https://x.com/", "x.com", "https://x.com/path", "https://X.com", "https://x.com?"),
    *(
        "https://x.com:443",
        "http://x.com:80",
        "https://x.com:0",
        "https://x.com:65536",
        "https://x.com:",
        "http://x..y",
    ),
    *(
        "https://user@x.com",
        "https://x\\y",
        "https://x'y",
        "https://*.x.com",
        "https://x.com\n",
        "https://[::1",
        "null",
    ),
]
ORIGINS = [
    "https://x.com",
    "http://x.com:443",
    "https://a-b.x_y.com:8443",
    "http://127.0.0.1:8000",
    "http://[::1]:65535",
]


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_an_invalid_origin_is_refused(workspace, origin):
    with pytest.raises(ValidationError, match="origin"):
        UserSessionPolicy(workspace=workspace, frontend_api=origin).full_clean(validate_unique=False)
    with pytest.raises(ValidationError, match="origin"):
        AllowedOrigin(workspace=workspace, origin=origin).full_clean(validate_unique=False)


@pytest.mark.parametrize("origin", ORIGINS)
def test_each_frontend_api_has_its_own_host(workspace, origin):
    set_user_session_policy(workspace, frontend_api=origin)
    UserSessionPolicy.of(workspace).full_clean()
    AllowedOrigin(workspace=workspace, origin=origin).full_clean()
    assert UserSessionPolicy.of(workspace).is_at(origin.partition("//")[2])


@pytest.mark.parametrize("lifetime", [timedelta(0), -DAY, timedelta(days=3651), timedelta.max])
@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (ClientSessionPolicy, "lifetime"),
        (ClientSessionPolicy, "max_lifetime"),
        (UserSessionPolicy, "lifetime"),
        (UserSessionPolicy, "idle_lifetime"),
    ],
)
def test_a_policy_refuses_a_lifetime_out_of_range(workspace, policy, name, lifetime):
    with pytest.raises(ValidationError) as refused:
        policy(workspace=workspace, **{name: lifetime}).full_clean()
    assert "3650 days" in str(refused.value.message_dict[name])


def test_a_live_workspace_allows_only_what_is_enabled(workspace, live_workspace):
    assert allowances(workspace) == (True, True)
    assert allowances(live_workspace) == (False, False)
    set_client_session_policy(live_workspace, publishable_keys_enabled=True)
    set_user_session_policy(live_workspace, backend_sessions_enabled=True)
    assert allowances(live_workspace) == (True, True)


def allowances(workspace):
    """Whether publishable keys and backends may open sessions."""
    backend = UserSessionPolicy.of(workspace).allows_backend_sessions
    return ClientSessionPolicy.of(workspace).allows_publishable_keys, backend


def test_a_workspace_without_a_policy_has_the_defaults(workspace):
    ClientSessionPolicy.objects.all().delete()
    fresh = Workspace.objects.select_related(*with_policies()).get(pk=workspace.pk)
    assert ClientSessionPolicy.of(fresh).lifetime == timedelta(days=365)
    assert ClientSessionPolicy.of(fresh) is ClientSessionPolicy.of(fresh)


def test_prefetched_policies_cost_no_query(workspace, django_assert_num_queries):
    with django_assert_num_queries(1):
        fresh = Workspace.objects.select_related(*with_policies()).get(pk=workspace.pk)
        assert UserSessionPolicy.of(fresh).frontend_api == "https://here.example.com"
        assert ClientSessionPolicy.of(fresh).max_lifetime


def test_the_only_workspace_is_the_default(workspace):
    assert Workspace.objects.default() == workspace


@pytest.mark.django_db
def test_a_project_without_a_workspace_gets_one(django_assert_num_queries):
    made = Workspace.objects.default()
    with django_assert_num_queries(1):
        assert Workspace.objects.default() == made
    assert not made.is_sandbox


@pytest.mark.django_db
def test_the_workspace_that_made_itself_stays_the_default_beside_others(django_assert_num_queries):
    made = Workspace.objects.default()
    Workspace.objects.create(name="A second one")
    with django_assert_num_queries(1):
        assert Workspace.objects.default() == made


def test_one_of_several_workspaces_must_be_named(workspace, live_workspace, settings):
    with pytest.raises(NoDefaultWorkspace, match="DEFAULT_WORKSPACE"):
        Workspace.objects.default()
    settings.SESSIONS_CORE = {**settings.SESSIONS_CORE, "DEFAULT_WORKSPACE": str(live_workspace.pk)}
    assert Workspace.objects.default() == live_workspace
