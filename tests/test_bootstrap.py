"""The sandbox of a new server: created once, found again, with its secrets stored beside the database."""

import json
import socket
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from client_sessions.devices.models import ConnectedAccount, ConnectWebview, Customer, Device, UserIdentity
from sessions_core.models import ApiKey, Workspace
from sessions_project import secrets_file
from sessions_project import welcome as serve
from sessions_project.bootstrap import bootstrap as bootstrap_live
from sessions_project.models import Deployment
from sessions_project.sandbox import IsLive, make_sandbox
from user_sessions.models import SigningKey, UserSessionPolicy
from user_sessions.users import find

MADE = [Workspace, ApiKey, SigningKey, User, Customer, ConnectedAccount, Device, ConnectWebview, UserIdentity]


@pytest.fixture
def secrets(settings, tmp_path) -> Path:
    settings.GATEPASS_SECRETS = tmp_path / "secrets.env"
    return settings.GATEPASS_SECRETS


@pytest.mark.django_db
def test_the_keys_and_the_operator_work():
    sandbox = make_sandbox()

    assert ApiKey.authenticate(sandbox.api_key).workspace_id == sandbox.workspace_id
    assert ApiKey.authenticate_publishable(sandbox.publishable_key).workspace_id == sandbox.workspace_id
    assert authenticate(username=sandbox.operator.username, password=sandbox.operator.password).is_superuser


@pytest.mark.django_db
def test_the_sandbox_has_sample_data():
    sandbox = make_sandbox()

    workspace = Workspace.objects.get(pk=sandbox.workspace_id)
    assert [find(workspace, user.id).get_username() for user in sandbox.users] == ["jane_doe", "john_roe"]
    accounts = ConnectedAccount.objects.filter(pk__in=sandbox.connected_account_ids).order_by("created_at")
    assert [account.devices.count() for account in accounts] == [2, 1]
    assert set(sandbox.device_ids) == set(Device.objects.values_list("pk", flat=True))


@pytest.mark.django_db
def test_a_second_bootstrap_finds_everything_and_shows_no_secret():
    first = make_sandbox()
    counts = [model.objects.count() for model in MADE]

    second = make_sandbox()

    assert [model.objects.count() for model in MADE] == counts
    assert (second.api_key, second.operator.password) == (None, None)
    assert second.users == [replace(user, password=None) for user in first.users]
    assert second.connected_account_ids == first.connected_account_ids


@pytest.mark.django_db(transaction=True)
def test_concurrent_bootstraps_make_one_sandbox(at_once):
    results = at_once(*[make_sandbox] * 4)

    assert len({sandbox.workspace_id for sandbox in results}) == 1
    assert [bool(sandbox.api_key) for sandbox in results].count(True) == 1
    assert [bool(sandbox.operator.password) for sandbox in results].count(True) == 1
    assert Device.objects.count() == 3


@pytest.mark.django_db
def test_deleted_sandbox_data_does_not_come_back(secrets):
    make_sandbox()
    User.objects.all().delete()
    Customer.objects.all().delete()
    ApiKey.objects.all().update(revoked_at=timezone.now())

    sandbox = make_sandbox()

    assert (sandbox.operator, sandbox.users, sandbox.connected_account_ids) == (None, [], [])
    assert (sandbox.api_key, sandbox.publishable_key) == (None, "")
    assert "is not created again" in serve.welcome(*serve.with_credentials(sandbox))


@pytest.mark.django_db
def test_a_database_that_was_served_live_never_becomes_a_sandbox():
    make_sandbox()
    Deployment.go_live()

    with pytest.raises(IsLive):
        make_sandbox()


@pytest.mark.django_db
def test_a_database_with_a_live_workspace_never_becomes_a_sandbox(live_workspace):
    with pytest.raises(IsLive):
        make_sandbox()

    assert not User.objects.exists() and not Deployment.objects.exists()


@pytest.mark.django_db
def test_bootstrap_creates_only_what_was_requested():
    made = bootstrap_live("Acme", operator="ann")

    assert ApiKey.authenticate(made.api_key).workspace.name == "Acme"
    assert authenticate(username="ann", password=made.operator_password).is_superuser
    assert [model.objects.count() for model in MADE] == [1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert not Workspace.objects.get().is_sandbox


@pytest.mark.django_db
def test_a_second_bootstrap_changes_nothing():
    bootstrap_live("Acme", operator="ann")
    again = bootstrap_live("Acme", operator="ann")

    assert (again.api_key, again.operator_password) == (None, None)
    assert [model.objects.count() for model in MADE] == [1, 1, 1, 1, 0, 0, 0, 0, 0]


@pytest.mark.django_db
def test_a_new_key_leaves_the_earlier_one_working():
    earlier = make_sandbox().api_key

    newer = make_sandbox(new_key=True).api_key

    assert newer != earlier
    assert ApiKey.authenticate(earlier)
    assert ApiKey.authenticate(newer)


@pytest.mark.django_db
def test_an_existing_superuser_is_the_operator(admin_user):
    operator = make_sandbox().operator

    assert (operator.username, operator.password) == (admin_user.get_username(), None)


@pytest.mark.django_db
def test_serving_on_another_port_moves_the_sandbox(settings):
    make_sandbox()
    settings.GATEPASS_URL = "http://127.0.0.1:8001"

    assert make_sandbox().frontend_api == "http://127.0.0.1:8000"
    assert UserSessionPolicy.objects.get().sign_in_url == "http://127.0.0.1:8000/"
    assert make_sandbox(here=True).frontend_api == "http://127.0.0.1:8001"
    assert UserSessionPolicy.objects.get().sign_in_url == "http://127.0.0.1:8001/"


@pytest.mark.django_db
def test_a_frontend_api_set_by_an_operator_stays():
    make_sandbox()
    UserSessionPolicy.objects.update(frontend_api="https://sandbox.example.com")

    assert make_sandbox(here=True).frontend_api == "https://sandbox.example.com"


@pytest.mark.django_db
def test_a_sign_in_url_set_by_an_operator_stays(settings):
    make_sandbox()
    UserSessionPolicy.objects.update(sign_in_url="https://app.example.com/sign-in")
    settings.GATEPASS_URL = "http://127.0.0.1:8001"

    make_sandbox(here=True)

    assert UserSessionPolicy.objects.get().sign_in_url == "https://app.example.com/sign-in"


@pytest.mark.django_db
def test_the_command_prints_one_json_object(capsys):
    call_command("bootstrap", "Acme", "--json")

    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == [
        "workspace_id",
        "frontend_api",
        "issuer",
        "api_key",
        "operator",
        "operator_password",
    ]


@pytest.mark.django_db
def test_a_taken_frontend_api_gets_an_error_message():
    call_command("bootstrap", "Acme")
    with pytest.raises(CommandError, match="Nothing was created"):
        call_command("bootstrap", "Another")


@pytest.mark.django_db
def test_printed_secrets_are_kept_for_the_next_run(secrets):
    sandbox, api_key, password = serve.with_credentials(make_sandbox())

    assert serve.with_credentials(make_sandbox()) == (replace(sandbox, api_key=None, operator=ANY), api_key, password)
    assert secrets_file.read(secrets) == {
        serve.API_KEY: api_key,
        serve.PASSWORD: password,
        "GATEPASS_DEMO_PASSWORD_JANE_DOE": sandbox.users[0].password,
        "GATEPASS_DEMO_PASSWORD_JOHN_ROE": sandbox.users[1].password,
    }


@pytest.mark.django_db
def test_a_revoked_key_in_the_secrets_file_is_replaced(secrets):
    _, revoked, _ = serve.with_credentials(make_sandbox())
    ApiKey.authenticate(revoked).revoke(actor="operator:test")

    _, api_key, _ = serve.with_credentials(make_sandbox())

    assert ApiKey.authenticate(api_key)
    assert secrets_file.read(secrets)[serve.API_KEY] == api_key


@pytest.mark.django_db
def test_a_password_that_was_changed_is_not_shown(secrets):
    serve.with_credentials(make_sandbox())
    for user in User.objects.filter(username__in=["operator", "jane_doe"]):
        user.set_password("another one")
        user.save()

    sandbox, _, password = serve.with_credentials(make_sandbox())

    assert (password, sandbox.users[0].password) == (None, None)
    assert sandbox.users[1].password


@pytest.mark.django_db
def test_demo_users_have_random_passwords():
    jane, john = make_sandbox().users

    assert authenticate(username="jane_doe", password=jane.password)
    assert authenticate(username="john_roe", password=john.password)
    assert len({jane.password, john.password}) == 2


@pytest.mark.django_db
def test_an_existing_user_keeps_their_password():
    User.objects.create_user("jane_doe", password="her own")

    jane, _ = make_sandbox().users

    assert jane.password is None
    assert authenticate(username="jane_doe", password="her own")


@pytest.mark.django_db
def test_the_welcome_names_keys_and_commands(secrets):
    sandbox, api_key, password = serve.with_credentials(make_sandbox())

    welcome = serve.welcome(sandbox, api_key, password)

    assert password in welcome
    assert all(f"({user.username}, password {user.password})" in welcome for user in sandbox.users)
    assert "for Clerk's SDKs pk_test_MTI3LjAuMC4xOjgwMDAk" in welcome
    assert welcome.count(f"Bearer {api_key}") == 4
    assert str(sandbox.connected_account_ids[0]) in welcome


def test_a_port_in_use_gets_an_error_message():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CommandError, match="Choose another"):
        call_command("serve", port=taken.getsockname()[1])
