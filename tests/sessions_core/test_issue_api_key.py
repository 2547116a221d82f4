import pytest
from django.core.management import CommandError, call_command

from sessions_core.models import ApiKey, Workspace


@pytest.mark.parametrize("named_by", ["pk", "name"])
def test_an_api_key_is_issued_and_printed(workspace, capsys, named_by):
    call_command("issue_api_key", str(getattr(workspace, named_by)), name="backend")
    key = ApiKey.objects.authenticate(capsys.readouterr().out.strip())
    assert key
    assert (key.workspace, key.name) == (workspace, "backend")


def test_a_publishable_key_is_issued_and_printed(workspace, capsys):
    call_command("issue_api_key", str(workspace.pk), name="web", publishable=True)
    assert ApiKey.objects.authenticate_publishable(capsys.readouterr().out.strip())


def test_an_unknown_or_ambiguous_workspace_gets_an_error_message(workspace):
    Workspace.objects.create(name=workspace.name)
    for named in (workspace.name, "nobody", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(CommandError, match=f"Use the id of a workspace: .*{workspace.pk}"):
            call_command("issue_api_key", named, name="backend")
    assert not ApiKey.objects.exists()


def test_a_project_without_a_workspace_gets_an_error_message_that_says_how_to_create_one(db):
    with pytest.raises(CommandError, match=r"No workspace has the id or name 'Mine'.*create_workspace NAME"):
        call_command("issue_api_key", "Mine", name="backend")
