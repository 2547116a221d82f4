"""Which models can be granted, and the system checks for registrations, guarded views and settings."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db.models import CharField, Model, UUIDField
from django.db.models.signals import post_delete
from django.urls import path
from django.utils import timezone

from client_sessions import resources
from client_sessions.authentication import ClientSessionAuthentication
from client_sessions.checks import check_resource_types, check_settings
from client_sessions.device_counts import with_device_count
from client_sessions.devices.models import ConnectedAccount, Customer, Device
from client_sessions.models import ClientSession
from client_sessions.resource_ids import LONGEST_ID, lookup_value, stored_forms
from client_sessions.resources import ResourceType
from client_sessions.scoping import reached_by, visible_to
from client_sessions.view_checks import check_guarded_views
from sessions_core.db.json_rows import EachText
from sessions_core.models import Workspace
from tests.client_sessions import guarded


@pytest.fixture
def session(workspace, home) -> ClientSession:
    return ClientSession.objects.start(workspace, actor="test", wanted={"connected_account": [home.a1]})


@pytest.fixture
def types(monkeypatch) -> Iterator[dict[str, ResourceType]]:
    """Yield the registry, and restore it and the receivers of deletions afterwards."""
    before = {each.model for each in resources.registered()}
    known = dict(resources._types)
    monkeypatch.setattr(resources, "_types", known)
    yield known
    for model in {each.model for each in known.values()} - before:
        post_delete.disconnect(sender=model, dispatch_uid="client_sessions.resources")


def registered(types: dict[str, ResourceType], model: type[Model], **more) -> str:
    """Register a type. Return the messages of the system checks."""
    types.clear()
    resources.register("account", ConnectedAccount)
    resources.register("thing", model, **more)
    return " ".join(error.msg for error in check_resource_types())


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({}, ""),
        ({"workspace": None}, ""),
        ({"through": ["connected_account"], "workspace": "connected_account__workspace"}, ""),
        ({"workspace": "tenant"}, "workspace: Device has no field named 'tenant'"),
        ({"workspace": "connected_account"}, "does not lead to a workspace"),
        ({"workspace": "name"}, "workspace: Device.name is not a relation"),
        ({"workspace": "user_identities__workspace"}, "workspace: Device.user_identities leads to many rows"),
        ({"through": ["account"]}, "through: Device has no field named 'account'"),
        ({"through": ["name"]}, "through: Device.name is not a relation"),
        ({"through": ["user_identities"]}, "through: UserIdentity is not registered"),
        ({"key": "serial"}, "key: Device has no field named 'serial'"),
    ],
)
def test_the_checks_find_a_path_that_does_not_exist(types, more, problem):
    found = registered(types, Device, **more)
    assert problem in found
    assert bool(problem) == bool(found)


def test_the_checks_find_a_circular_path(types):
    types.clear()
    resources.register("account", ConnectedAccount, through=["devices"])
    resources.register("device", Device, through=["connected_account"])
    assert [error.id for error in check_resource_types()] == ["client_sessions.E003"] * 2


def test_a_type_registered_again_replaces_the_first(types, session, home):
    types.clear()
    resources.register("connected_account", ConnectedAccount)
    resources.register("device", Device, through=["connected_account"])
    assert reached_by(Device.objects.all(), session).count() == 2
    types["connected_account"] = replace(types["connected_account"], key="email")
    assert reached_by(Device.objects.all(), session).count() == 0
    session.grant({"connected_account": ["a2@example.com"]}, actor="test")
    assert [row.name for row in reached_by(Device.objects.all(), session)] == ["d3"]


def test_a_row_without_a_workspace_can_be_deleted(types, home):
    types.clear()
    for name, model in (("device", Device), ("customer", Customer)):
        resources.register(name, model)
    resources.register("account", ConnectedAccount, key="display_name", workspace="customer__workspace")
    ConnectedAccount.objects.get(pk=home.a1).delete()
    assert not ConnectedAccount.objects.filter(pk=home.a1).exists()


def test_a_failing_receiver_rolls_the_deletion_back(home):
    def fail(**_):
        raise KeyError("a receiver's own")

    resources.resource_deleted.connect(fail)
    try:
        with pytest.raises(KeyError, match="a receiver's own"):
            Device.objects.get(pk=home.d1).delete()
    finally:
        resources.resource_deleted.disconnect(fail)


@pytest.mark.parametrize("name", ["", "Door", "front-door", "d" * 61, "1st"])
def test_a_type_name_must_be_an_identifier(types, name):
    with pytest.raises(ImproperlyConfigured, match="Invalid resource type name"):
        resources.register(name, Device)


def test_a_number_out_of_range_is_a_missing_id(types):
    registered(types, get_user_model(), workspace=None)
    for number in ("9" * 30, "-1" * 10, "x", ""):
        with pytest.raises(resources.Missing):
            resources.check({"thing": [number]}, workspace_id=uuid4())


def test_a_missing_id_and_an_unknown_type_are_named_in_the_error(types, session):
    registered(types, Device)
    for wanted, text in (
        ({"thing": ["nope"]}, "No thing with the id 'nope'"),
        ({"things": ["1"]}, "registered as 'things'"),
    ):
        with pytest.raises(resources.Missing, match=text):
            session.grant(wanted, actor="test")


def test_devices_without_a_workspace_column_are_counted(types, session, elsewhere):
    types.clear()
    resources.register("connected_account", ConnectedAccount, workspace=None)
    resources.register("device", Device, workspace=None, through=["connected_account"], counted=True)
    counts = [with_device_count(ClientSession.objects.all(), at=timezone.now()).get().device_count]
    ConnectedAccount.objects.filter(workspace=elsewhere).delete()
    elsewhere.delete()
    counts += [with_device_count(ClientSession.objects.all(), at=timezone.now()).get().device_count]
    assert counts == [0, 2]


def test_a_name_and_a_model_belong_together(types):
    for name, model in (("device", Workspace), ("another", Device)):
        with pytest.raises(ImproperlyConfigured, match="is registered as 'device'"):
            resources.register(name, model)


def test_without_a_workspace_path_rows_belong_to_the_only_workspace(types, session, elsewhere):
    registered(types, Device, workspace=None)
    wanted = {"thing": [str(Device.objects.get(name="d3").pk)]}
    with pytest.raises(resources.Missing):
        session.grant(wanted, actor="test")
    ConnectedAccount.objects.filter(workspace=elsewhere).delete()
    elsewhere.delete()
    session.grant(wanted, actor="test")
    assert [row.name for row in visible_to(session, Device.objects.all())] == ["d3"]
    Workspace.objects.create(name="Another")
    assert [row.name for row in visible_to(session, Device.objects.all())] == []


@pytest.mark.urls("tests.client_sessions.guarded")
def test_the_checks_find_a_view_without_session_authentication(settings):
    assert list(check_guarded_views()) == []
    guarded.urlpatterns.append(path("unguarded", guarded.Unguarded.as_view()))
    settings.ROOT_URLCONF = settings.ROOT_URLCONF
    try:
        (error,) = check_guarded_views()
        assert (error.id, "guarded.Unguarded at 'unguarded'" in error.msg) == ("client_sessions.E004", True)
        guarded.urlpatterns[-1] = path(
            "guarded", guarded.Unguarded.as_view(authentication_classes=[ClientSessionAuthentication])
        )
        assert list(check_guarded_views()) == []
    finally:
        guarded.urlpatterns.pop()


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, []),
        ({"RATES": {"api_key": "600/minute", "anonymous": None}}, []),
        ({"URL": "https://sessions.example.com:8443"}, []),
        ({"RATE": {}}, ["client_sessions.E001"]),
        ({"URL": "sessions.example.com"}, ["client_sessions.E005"]),
        ({"URL": "https://sessions.example.com/"}, ["client_sessions.E005"]),
        ({"URL": "javascript://x"}, ["client_sessions.E005"]),
        ({"URL": 5}, ["client_sessions.E005"]),
        ({"RATES": "60/minute"}, ["client_sessions.E002"]),
        ({"RATES": {"api_key": "lots"}}, ["client_sessions.E002"]),
        ({"RATES": {"everybody": "60/minute"}}, ["client_sessions.E002"]),
    ],
)
def test_the_checks_find_invalid_settings(settings, given, ids):
    settings.CLIENT_SESSIONS = given
    assert [error.id for error in check_settings()] == ids


@pytest.mark.parametrize("number", [3, 100])
def test_any_number_of_ids_is_checked_with_one_query(home, workspace, django_assert_num_queries, number):
    accounts = [ConnectedAccount.objects.create(workspace=workspace).pk for _ in range(number)]
    with django_assert_num_queries(1):
        checked = resources.check({"connected_account": map(str, accounts)}, workspace_id=workspace.pk)
    assert checked == {"connected_account": {each.hex for each in accounts}}
    for another in (str(uuid4()), home.ax):
        with pytest.raises(resources.Missing, match=another):
            resources.check({"connected_account": [*map(str, accounts), another]}, workspace_id=workspace.pk)


def test_a_malformed_id_among_thousands_is_named_in_the_error(workspace):
    ids = [str(uuid4()) for _ in range(1_000)]
    with pytest.raises(resources.Missing, match="'x'"):
        resources.check({"connected_account": [*ids, "x", "y"]}, workspace_id=workspace.pk)


@pytest.mark.parametrize("form", ["{}", "urn:uuid:{}", "{{{}}}"])
def test_every_form_of_a_uuid_is_the_same_id(form):
    id = uuid4()
    for text in (str(id), str(id).upper(), id.hex):
        assert resources.valid_ids("device", [form.format(text), f"{text}0"]) == [id.hex]
    almost = [" " + id.hex[:-1], "0x" + id.hex[:30], "_" + id.hex[1:], id.hex[:-1] + "١"]
    for text in almost:
        assert resources.valid_ids("device", [text]) == [one.hex for one in _uuids(text)]


def test_an_id_that_a_validator_of_the_key_refuses_is_malformed():
    def even(id):
        if id.int % 2:
            raise ValidationError("odd")

    odd, other = UUID(int=1), UUID(int=2)
    assert list(stored_forms(UUIDField(validators=[even]), map(str, [odd, other]))) == [None, other.hex]


def test_an_id_that_no_database_stores_is_malformed():
    forms = stored_forms(CharField(), ["a", "a\0", "\ud800", "x" * (LONGEST_ID + 1)])
    assert list(forms) == ["a", None, None, None]


def test_one_id_of_a_filter_is_a_parameter_of_its_own():
    key = Device._meta.pk
    assert lookup_value(key, ["a"]) == ["a"]
    assert isinstance(lookup_value(key, ["a"] * 33), EachText)


def _uuids(text: str) -> list[UUID]:
    try:
        return [UUID(text)]
    except ValueError:
        return []


def test_hundreds_of_keys_of_another_type_are_checked(types, workspace):
    registered(types, get_user_model(), workspace=None)
    users = get_user_model().objects.bulk_create(get_user_model()(username=f"u{number}") for number in range(100))
    ids = {str(user.pk) for user in get_user_model().objects.filter(username__in=[user.username for user in users])}
    assert resources.check({"thing": ids}, workspace_id=workspace.pk) == {"thing": ids}
    with pytest.raises(resources.Missing):
        resources.check({"thing": {*ids, "999999999"}}, workspace_id=workspace.pk)
