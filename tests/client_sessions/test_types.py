"""What is decorated keeps its types, with and without the plugin of django-stubs."""

import subprocess
import sys

import pytest

from tests.embedded import embedded
from tests.pages import DOCS

pytestmark = embedded

VIEWS = """
from django.http import HttpResponse
from client_sessions.decorators import ClientSessionRequest, client_session_required

@client_session_required
def plain(request: ClientSessionRequest, floor: int = 0) -> HttpResponse:
    reveal_type(request.auth)
    return HttpResponse()

@client_session_required
async def later(request: ClientSessionRequest, floor: int) -> HttpResponse:
    return HttpResponse()

reveal_type(plain)
reveal_type(later)
"""

CONFIGURATION = {
    True: "[mypy]\nstrict = True\nplugins = mypy_django_plugin.main\n"
    "[mypy.plugins.django-stubs]\ndjango_settings_module = sessions_project.settings\n",
    False: "[mypy]\nstrict = True\n",
}


@pytest.mark.parametrize("has_plugin", [True, False])
def test_a_guarded_view_keeps_its_parameters_and_its_answer(tmp_path, has_plugin):
    (tmp_path / "views.py").write_text(VIEWS)
    (tmp_path / "mypy.ini").write_text(CONFIGURATION[has_plugin])
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--config-file", str(tmp_path / "mypy.ini")]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), str(tmp_path / "views.py")],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
    )
    revealed = [
        line.split("Revealed type is ")[1].strip('"') for line in done.stdout.splitlines() if "Revealed" in line
    ]
    assert done.returncode == 0, done.stdout
    auth, plain, later = revealed
    assert auth.endswith("ClientSession") and "Any" not in plain
    assert "floor: int =" in plain.replace("builtins.", "") and "HttpResponse" in plain
    assert "floor: int" in later.replace("builtins.", "") and "Coroutine" in later
