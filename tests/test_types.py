"""The public API is typed, with and without the plugin of django-stubs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded import apart
from tests.pages import DOCS

pytestmark = apart

PROGRAM = Path(__file__).parent / "host_program.py"

CONFIGURATION = {
    True: "[mypy]\nstrict = True\nplugins = mypy_django_plugin.main\n"
    "[mypy.plugins.django-stubs]\ndjango_settings_module = sessions_project.settings\n",
    False: "[mypy]\nstrict = True\n",
}


@pytest.mark.parametrize("has_plugin", [True, False])
def test_everything_the_documentation_shows_to_hosts_keeps_its_types(tmp_path, has_plugin):
    (tmp_path / "mypy.ini").write_text(CONFIGURATION[has_plugin])
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--config-file", str(tmp_path / "mypy.ini")]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), str(PROGRAM)],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
