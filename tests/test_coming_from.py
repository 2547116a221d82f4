"""The pages about other packages are correct: each import reads a database that the package itself has made."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.databases import NoPostgreSQL, postgresql
from tests.embedded import embedded
from tests.hosts import ROOT, bare_project, environment_of, extend, run
from tests.pages import blocks, table
from user_sessions.imports.past_sessions import EXPLANATIONS, WRONG
from user_sessions.management.commands.import_sessions import CLERK, TABLES

pytestmark = embedded

SCRIPTS = Path(__file__).parent / "coming_from"
TOGETHER = ["allauth", "django", "knox", "authtoken", "simplejwt"]
DJANGO_USER_SESSIONS = "django-user-sessions"
SECOND = timedelta(seconds=1)
FIREFOX = "Firefox 140.0 on Linux, 198.51.100.7"


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server, or an empty string for SQLite."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(postgresql()).url if request.param == "PostgreSQL" else ""
        except NoPostgreSQL as reason:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))


def use_server(project: Path, server: str, name: str) -> None:
    """Let the project use a new database of the server, if there is one."""
    if not server:
        return
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    where = urlsplit(server)
    place = {"HOST": where.hostname, "PORT": where.port, "USER": where.username, "NAME": name}
    with (project / "host" / "settings.py").open("a") as settings:
        settings.write(f"\nDATABASES = { ({'default': {'ENGINE': 'django.db.backends.postgresql', **place}})!r}\n")


def add(project: Path, script: str) -> None:
    """Add a part of a project, in ``tests/coming_from``, at the end of its settings and routes."""
    settings, urls = (SCRIPTS / script).read_text().split("# urls.py\n")
    extend(project, [settings, urls])


def manage(project: Path, *command: str) -> str:
    return run(project, sys.executable, "manage.py", *command)


def play(project: Path, script: str, *arguments: Any) -> Any:
    """Run a script of ``tests/coming_from`` in the project. Return what it prints, as JSON."""
    words = [argument if isinstance(argument, str) else json.dumps(argument) for argument in arguments]
    return json.loads(run(project, sys.executable, "-W", "ignore", str(SCRIPTS / script), *words))


def commands(page: str) -> list[list[str]]:
    """Return the commands of a page that import the history, each as its words."""
    lines = "".join(blocks(f"coming-from/{page}.md", "bash", under="Import the history")).splitlines()
    return [shlex.split(line.removeprefix("python manage.py ")) for line in lines]


def back(page: str) -> list[str]:
    (command,) = blocks(f"coming-from/{page}.md", "bash", under="Go back")
    return command.removeprefix("python manage.py ").split()


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A project that had another package before, what that one knew, and what each import wrote."""

    project: Path
    old: Any
    new: Any


@pytest.fixture(scope="module")
def moved(server: str, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """Return a project with five packages, whose sign-ins were imported while none of them was installed any more."""
    project = bare_project(tmp_path_factory.mktemp("old"))
    use_server(project, server, "old_project")
    add(project, "five_packages.txt")
    manage(project, "migrate", "-v0")
    old = play(project, "sign_in.py")
    for name in ("settings", "urls"):
        file = project / "host" / f"{name}.py"
        (project / "host" / f"{name}_before.py").write_text(file.read_text())
    extend(project, blocks("install.md", "python")[:3])
    extend(project, [block for block in blocks("coming-from/simplejwt.md", "python") if "SIMPLE_JWT" in block])
    (project / "host" / "settings_after.py").write_text((SCRIPTS / "after.txt").read_text())
    manage(project, "migrate", "-v0")
    return Moved(
        project=project,
        old=old,
        new=play(project, "import_history.py", [commands(page) for page in TOGETHER], old["secrets"]),
    )


def sessions(moved: Moved, source: str) -> list[Any]:
    return sorted(
        (each for each in moved.new["sessions"] if each["closed_by"] == f"import:{source}"),
        key=lambda each: each["created_at"],
    )


def reports(moved: Moved, source: str) -> list[Any]:
    """Return the reports of a dry run, an import and another one, without the workspace: the import creates it."""
    return [
        {name: report[name] for name in report if name != "workspace_id"} for report in moved.new["reports"][source]
    ]


def near(one: str, other: str) -> bool:
    return abs(datetime.fromisoformat(one) - datetime.fromisoformat(other)) <= SECOND


@pytest.mark.parametrize("source", TOGETHER)
def test_an_import_finds_every_row_and_a_second_one_adds_none(moved, source):
    dry, first, second = reports(moved, source)
    rows = moved.old["rows"][source]
    assert dry == first | {"dry_run": True}
    assert first["imported"] + first["already_imported"] + sum(each["count"] for each in first["skipped"]) == rows
    assert (second["imported"], second["already_imported"]) == (0, first["imported"] + first["already_imported"])
    assert not any(each["is_wrong"] for each in first["skipped"])


def test_the_sources_are_only_read_and_no_secret_of_them_is_copied(moved):
    assert moved.new["sources_changed"] == []
    assert (moved.new["found_secrets"], moved.new["live"]) == ([], 0)


def test_allauth_gives_times_device_and_address(moved):
    live, gone = sessions(moved, "allauth")
    facts = moved.old["allauth"]
    assert (live["user"], live["device"], live["close_reason"]) == ("ann", FIREFOX, "imported")
    assert (live["created_at"], live["last_active_at"]) == (facts["created_at"], facts["last_seen_at"])
    assert (gone["user"], gone["close_reason"], gone["closed_at"]) == ("bob", "ended", gone["last_active_at"])


def test_a_session_that_allauth_listed_is_not_imported_from_djangos_table_again(moved):
    _, first, _ = moved.new["reports"]["django"]
    (session,) = sessions(moved, "django")
    assert first["already_imported"] == 1
    assert (session["user"], session["device"], session["close_reason"]) == ("admin", None, "imported")
    assert near(session["created_at"], moved.old["django"]["saved_at"])
    assert session["expire_at"] == moved.old["django"]["expire_date"]


def test_knox_gives_creation_and_expiry(moved):
    by_user = {each["user"]: each for each in sessions(moved, "knox")}
    assert {name: by_user[name]["close_reason"] for name in by_user} == {"ann": "imported", "bob": "expired"}
    for name, session in by_user.items():
        facts = moved.old["knox"][name]
        assert (session["created_at"], session["expire_at"]) == (facts["created"], facts["expiry"])
    assert by_user["bob"]["closed_at"] == by_user["bob"]["expire_at"]


def test_a_token_of_rest_framework_gives_its_creation(moved):
    (session,) = sessions(moved, "authtoken")
    assert (session["user"], session["created_at"]) == ("ann", moved.old["authtoken"]["created"])
    assert session["closed_at"] == session["expire_at"]


def test_simplejwt_gives_a_session_for_each_refresh_token(moved):
    first, rotated, signed_out = sessions(moved, "simplejwt")
    facts = moved.old["simplejwt"]
    assert [each["status"] for each in (first, rotated, signed_out)] == ["revoked", "ended", "revoked"]
    assert [first["closed_at"], signed_out["closed_at"]] == facts["blacklisted_at"]
    assert [each["created_at"] for each in (first, rotated, signed_out)] == facts["created_at"]
    assert rotated["close_reason"] == "imported" and first["close_reason"] == "blacklisted"


@pytest.mark.parametrize(("page", "again"), [("knox", 401), ("authtoken", 200), ("simplejwt", 403)])
def test_a_token_is_traded_in_as_the_page_says(moved, page, again):
    code = [block for block in blocks(f"coming-from/{page}.md", "python") if "import" in block]
    answers = play(moved.project, "trade_in.py", page, "\n".join(code), moved.old["tokens"])
    assert answers["orders"] == [[200, {"orders of": "ann"}], [401, None], [200, {"orders of": "ann"}]]
    assert answers["traded"][0] == 200 and answers["live"] == 1
    assert (answers["private"], answers["again"]) == (200, again)


def test_the_line_about_allauth_leaves_a_project_that_works(moved):
    (lines,) = blocks("coming-from/allauth.md", "python")
    settings = moved.project / "host" / "settings_without_allauth.py"
    settings.write_text(f"from host.settings import *\n{lines}")
    run(moved.project, sys.executable, "manage.py", "check", "--settings", "host.settings_without_allauth")


def test_the_way_back_is_open(moved):
    """The last test of the project: Gatepass is gone after it."""
    (command,) = {tuple(back(page)) for page in TOGETHER}
    manage(moved.project, *command)
    for name in ("settings", "urls"):
        (moved.project / "host" / f"{name}.py").write_text((moved.project / "host" / f"{name}_before.py").read_text())
    assert play(moved.project, "still_signed_in.py", moved.old["tokens"]) == [200, 200, 200, 200]


# django-user-sessions, which cannot be installed beside Gatepass


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with django-user-sessions."""
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*command, "django-user-sessions==2.0.0"], capture_output=True, text=True)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip("django-user-sessions cannot be installed here")
    assert done.returncode == 0, done.stderr
    return folder


class Old:
    """The project while django-user-sessions is installed in it."""

    def __init__(self, project: Path, packages: Path) -> None:
        self.project = project
        path = os.pathsep.join([str(packages), str(project)])
        self.environment = environment_of(project) | {"PYTHONPATH": path}

    def run(self, *command: str) -> str:
        words = [sys.executable, "-W", "ignore", *command]
        done = subprocess.run(words, cwd=self.project, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def play(self, script: str, *arguments: str) -> Any:
        return json.loads(self.run(str(SCRIPTS / script), *arguments))


DJANGO_USER_SESSIONS_PAGE = f"coming-from/{DJANGO_USER_SESSIONS}.md"


@pytest.fixture(scope="module")
def swapped(server: str, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Moved, Old]:
    """Return a project that has followed the page, and the same while the old package is installed."""
    project = bare_project(tmp_path_factory.mktemp("swapped"))
    use_server(project, server, "swapped_project")
    add(project, "django_user_sessions.txt")
    old = Old(project, packages)
    old.run("manage.py", "migrate", "-v0")
    # As the package's own documentation says for the time in which its ``migratesessions`` runs.
    both = project / "host" / "settings_both.py"
    both.write_text('from host.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions"]\n')
    facts = old.play("sign_in_there.py")
    forget, create = blocks(DJANGO_USER_SESSIONS_PAGE, "bash", under="What to replace")
    old.run(*forget.split()[1:])
    for name in ("settings", "urls"):
        file = project / "host" / f"{name}.py"
        (project / "host" / f"{name}_before.py").write_text(file.read_text())
    extend(project, blocks(DJANGO_USER_SESSIONS_PAGE, "python"))
    extend(project, [block for block in blocks("install.md", "python")[:3] if "urlpatterns" in block])
    manage(project, *create.split()[2:])
    (copy,) = blocks(DJANGO_USER_SESSIONS_PAGE, "sql")
    new = play(project, "import_history.py", [commands(DJANGO_USER_SESSIONS)], facts["secrets"], copy, facts["cookie"])
    return Moved(project=project, old=facts, new=new), old


def test_django_user_sessions_gives_device_address_and_last_activity(swapped):
    moved, _ = swapped
    by_user = {each["user"]: each for each in sessions(moved, DJANGO_USER_SESSIONS)}
    migrated, ann, bob = (by_user[name] for name in ("admin", "ann", "bob"))
    dry, first, second = reports(moved, DJANGO_USER_SESSIONS)
    assert (dry, first["imported"], second["imported"]) == (first | {"dry_run": True}, 3, 0)
    assert {each["reason"]: each["count"] for each in first["skipped"]} == {"no_user": 1}
    assert (ann["device"], ann["last_active_at"]) == (FIREFOX, moved.old["ann"]["last_activity"])
    assert (bob["device"], bob["close_reason"]) == ("curl, 2001:db8::7", "password_changed")
    assert migrated["device"] is None
    assert migrated["last_active_at"] == migrated["created_at"] == moved.old["migrated"]["saved_at"]


def test_its_secrets_stay_and_its_browsers_are_still_signed_in(swapped):
    moved, _ = swapped
    assert (moved.new["found_secrets"], moved.new["sources_changed"]) == ([], [])
    assert moved.new["private"] == [200, "ann"]


def test_the_way_back_to_django_user_sessions_is_open(swapped):
    """The last test of the project: Gatepass is gone after it."""
    moved, old = swapped
    manage(moved.project, *back(DJANGO_USER_SESSIONS))
    for name in ("settings", "urls"):
        (moved.project / "host" / f"{name}.py").write_text((moved.project / "host" / f"{name}_before.py").read_text())
    text = "".join(blocks(DJANGO_USER_SESSIONS_PAGE, "text", under="Go back"))
    command = re.findall(r"^python (manage.py .*)$", text, re.MULTILINE)[0]
    old.run(*command.split())
    assert old.play("still_there.py", moved.old["cookie"]) == 200


# The pages


def test_every_source_has_a_page_and_a_row():
    rows = {source: page for page, source, *_ in all_rows("| You have |")}
    assert rows.keys() == {*TABLES, CLERK}
    for source, page in rows.items():
        (name,) = re.findall(r"\((.*)\.md\)", page)
        assert [words[1] for words in commands(name)] == [source] * 2
    named = {source: table for _, source, table, *_ in all_rows("| You have |") if source != CLERK}
    assert named == {source: reader.table for source, reader in TABLES.items()}


def all_rows(head: str) -> list[list[str]]:
    """Return the rows of the table on the first page that begins so, without backticks."""
    text = (ROOT / "docs" / "coming-from" / "index.md").read_text().split(head)[1].split("\n\n")[0]
    lines = [line for line in text.splitlines()[2:] if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_every_reason_for_a_skipped_row_is_documented_with_its_exit():
    documented = {
        reason: (int(status), meaning) for reason, status, meaning in table("coming-from/index.md", "Skipped rows")
    }
    assert documented.keys() == {str(each) for each in EXPLANATIONS}
    assert {reason for reason, (status, _) in documented.items() if status} == {str(each) for each in WRONG}
