import pytest
from django.core.management import CommandError, call_command

from sessions_core.models import AllowedOrigin


def test_the_command_lists_an_origin_once_and_prints_the_list(workspace, capsys):
    for origin in ("https://b.example.com", "http://a.example.com:8080", "https://b.example.com"):
        call_command("allow_origin", "Here", origin)
    assert capsys.readouterr().out.splitlines()[-2:] == ["http://a.example.com:8080", "https://b.example.com"]
    assert AllowedOrigin.objects.filter(workspace=workspace).count() == 2


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "app.example.com", "https://app.example.com/", "https://APP.example.com", "https://*.x.y", ""],
)
def test_an_invalid_origin_gets_an_error_message(workspace, origin):
    with pytest.raises(CommandError, match="is not a valid origin"):
        call_command("allow_origin", "Here", origin)
    assert not AllowedOrigin.objects.exists()
