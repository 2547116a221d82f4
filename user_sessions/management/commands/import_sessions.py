"""``manage.py import_sessions SOURCE``: import the sessions of another package as history."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections
from django.utils import timezone

from sessions_core.management.databases import ready_database
from sessions_core.management.progress import Progress
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import NoDefaultWorkspace, Workspace
from user_sessions.imports.allauth_sessions import AllauthSessions
from user_sessions.imports.clerk_export import ClerkExport, FileRefused
from user_sessions.imports.django_sessions import DjangoSessions
from user_sessions.imports.django_user_sessions import DjangoUserSessions
from user_sessions.imports.history import History, Report
from user_sessions.imports.knox_tokens import KnoxTokens
from user_sessions.imports.past_sessions import EXPLANATIONS, WRONG, Outcome, PastSession
from user_sessions.imports.rest_framework_tokens import RestFrameworkTokens
from user_sessions.imports.simplejwt_tokens import SimplejwtTokens
from user_sessions.imports.tables import TableRefused, TableSource
from user_sessions.models import ImportedSession

TABLES: dict[str, type[TableSource]] = {
    "django": DjangoSessions,
    "django-user-sessions": DjangoUserSessions,
    "allauth": AllauthSessions,
    "knox": KnoxTokens,
    "authtoken": RestFrameworkTokens,
    "simplejwt": SimplejwtTokens,
}
CLERK = "clerk"

# As of a process that SIGINT ended.
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Imports the sessions or tokens of another package as sessions that are over. Nobody can sign in with them. "
        "The source is only read. It can be stopped and repeated: it adds nothing twice. It exits with 1 if rows of "
        "the source were wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", choices=[*TABLES, CLERK], help="whose sessions")
        parser.add_argument("file", nargs="?", help="for clerk: the file with sessions, as JSON")
        parser.add_argument("--users", help="for clerk: the file with users, as JSON")
        parser.add_argument("--workspace", help="the id or the name of a workspace, if not the default one")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="the database with the table of the source")
        parser.add_argument("--table", default="", help="the name of the table, if your project has renamed it")
        parser.add_argument("--dry-run", action="store_true", help="write nothing, and report what would be imported")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with ready_database():
            workspace = _workspace(options["workspace"], is_dry_run=options["dry_run"])
            _require_keys()
        at = timezone.now()
        history = History(workspace, options["source"], at=at, is_dry_run=options["dry_run"])
        is_complete = False
        try:
            self._import(_batches(workspace, options), history)
            is_complete = True
        except (TableRefused, FileRefused) as problem:
            raise CommandError(str(problem)) from None
        except IntegrityError:
            raise CommandError("A user was deleted during the import. Run it again to import the rest.") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run it again to import the rest.", returncode=INTERRUPTED) from None
        finally:
            if is_complete or history.report.read:
                self._print(history, as_json=options["json"], is_complete=is_complete)
        if wrong := history.report.wrong:
            raise CommandError(f"{wrong} rows of the source are wrong and were not imported.")

    def _import(self, batches: Iterator[list[PastSession | Outcome]], history: History) -> None:
        progress = Progress(self.stderr, "rows read so far")
        for rows in batches:
            history.add(rows)
            if self.stderr.isatty():
                progress.show(history.report.read)

    def _print(self, history: History, *, as_json: bool, is_complete: bool) -> None:
        report = history.report
        if as_json:
            self.stdout.write(json.dumps({**_facts(history), "complete": is_complete}))
            return
        would = "would be " if history.is_dry_run else ""
        self.stdout.write(f"{report.read} rows read.")
        self.stdout.write(f"{report.counts[Outcome.IMPORTED]} sessions {would}imported.")
        self.stdout.write(f"{report.counts[Outcome.ALREADY_IMPORTED]} sessions were imported before.")
        for outcome in report.skipped:
            rows = ", ".join(map(str, report.first[outcome]))
            more = ", …" if report.counts[outcome] > len(report.first[outcome]) else ""
            self.stdout.write(f"{report.counts[outcome]} skipped: {EXPLANATIONS[outcome]} (rows {rows}{more}).")


def _facts(history: History) -> dict[str, Any]:
    report: Report = history.report
    return {
        "source": history.source,
        "workspace_id": None if history.workspace._state.adding else str(history.workspace.pk),
        "dry_run": history.is_dry_run,
        "read": report.read,
        "imported": report.counts[Outcome.IMPORTED],
        "already_imported": report.counts[Outcome.ALREADY_IMPORTED],
        "skipped": [
            {
                "reason": outcome,
                "explanation": EXPLANATIONS[outcome],
                "count": report.counts[outcome],
                "first_rows": report.first[outcome],
                "is_wrong": outcome in WRONG,
            }
            for outcome in report.skipped
        ],
    }


def _workspace(name: str | None, *, is_dry_run: bool) -> Workspace:
    if name is not None:
        return workspace_named(name)
    try:
        found = Workspace.objects.find_default()
        # A dry run creates no workspace either.
        return found or (Workspace(name="Default") if is_dry_run else Workspace.objects.default())
    except NoDefaultWorkspace:
        raise CommandError("There are several workspaces. Choose one with --workspace.") from None


def _require_keys() -> None:
    """Refuse to import while earlier imports cannot be recognised: they would be imported again."""
    if unknown := ImportedSession.objects.of_removed_keys().count():
        raise CommandError(
            f"{unknown} sessions were imported with a key that is not in TOKEN_KEYS any more, and would be imported "
            "again. Add that key at the end of SESSIONS_CORE['TOKEN_KEYS'], or remove the imported sessions first."
        )


def _batches(workspace: Workspace, options: dict[str, Any]) -> Iterator[list[PastSession | Outcome]]:
    """Return the rows of the source that the options name. Raise CommandError."""
    source, file, users = options["source"], options["file"], options["users"]
    if source == CLERK:
        if not file or not users:
            raise CommandError("clerk needs two files: import_sessions clerk SESSIONS --users USERS")
        return ClerkExport(workspace, file, users).batches()
    if file or users:
        raise CommandError(f"{source} is a table of the database, and takes no file.")
    if options["database"] not in connections:
        raise CommandError(f"DATABASES has no {options['database']!r}.")
    return TABLES[source](options["database"], options["table"]).batches()
