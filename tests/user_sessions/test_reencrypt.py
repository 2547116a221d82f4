"""Encryption keys can be rotated and old ones withdrawn."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sessions_core.checks import check_secrets
from sessions_core.crypto.encryption import is_sealed_with_newest
from sessions_core.crypto.sealing import open_in, reseal, sealed_columns
from sessions_core.models import ApiKey, WebhookEndpoint
from user_sessions.models import Definition, JwtTemplate, SigningKey

NEW = "n" * 40


@pytest.fixture
def secrets(workspace):
    """Create a row of every kind with a secret; ``rotate`` gives the endpoint two."""
    definition = Definition(name="t1", claims={}, signing_algorithm="HS256", signing_key=b"k" * 40)
    endpoint, _ = WebhookEndpoint.objects.add(workspace, "https://example.com/hook", actor="test")
    endpoint.rotate(actor="test")
    ApiKey.objects.issue_publishable(workspace, name="web", actor="test")
    return [
        SigningKey.objects.current(workspace),
        JwtTemplate.objects.define(workspace, definition, actor="test"),
        endpoint,
    ]


def with_keys(settings, *keys):
    settings.SESSIONS_CORE = settings.SESSIONS_CORE | {"ENCRYPTION_KEYS": list(keys)}


def stored():
    return {
        (model, column, row.pk): (row, getattr(row, column))
        for model, column in sealed_columns()
        for row in model.objects.exclude(**{column: None})
    }


def test_every_secret_is_reencrypted_and_keeps_its_value(secrets, settings):
    (old,) = settings.SESSIONS_CORE["ENCRYPTION_KEYS"]
    before = {place: open_in(row, sealed) for place, (row, sealed) in stored().items()}
    assert len(before) == 5
    with_keys(settings, NEW, old)
    call_command("reencrypt", stdout=StringIO())
    with_keys(settings, NEW)
    assert {place: open_in(row, sealed) for place, (row, sealed) in stored().items()} == before
    assert check_secrets(databases=["default"]) == []


def test_it_can_be_stopped_and_run_again(secrets, settings):
    with_keys(settings, NEW, *settings.SESSIONS_CORE["ENCRYPTION_KEYS"])
    columns = list(sealed_columns())
    assert [reseal(*column) for column in columns[:2]] == [1, 1]
    assert [reseal(*column) for column in columns] == [0, 0, 1, 1, 1]
    assert all(is_sealed_with_newest(bytes(sealed)) for _, sealed in stored().values())


def test_a_missing_key_is_reported_and_nothing_is_lost(secrets, settings):
    old = settings.SESSIONS_CORE["ENCRYPTION_KEYS"]
    before = stored()
    with_keys(settings, NEW)
    with pytest.raises(CommandError, match="cannot be decrypted"):
        call_command("reencrypt", stdout=StringIO())
    assert len(check_secrets(databases=["default"])) == 5
    with_keys(settings, *old)
    assert {place: bytes(sealed) for place, (_, sealed) in stored().items()} == {
        place: bytes(sealed) for place, (_, sealed) in before.items()
    }
