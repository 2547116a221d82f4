"""``manage.py sessions list|show|revoke|stats|clean``: the sessions of every installed app."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, no_translations
from django.utils import timezone

from sessions_core.cleaning import Cleaned, Kind, clean, count, record_run
from sessions_core.cleaning import kinds as cleaned_kinds
from sessions_core.management.databases import ready_database
from sessions_core.management.durations import EXAMPLES, duration_of
from sessions_core.management.progress import Progress
from sessions_core.management.quiet import QuietCommand
from sessions_core.management.reports import Report
from sessions_core.management.revoking import Revoking
from sessions_core.management.session_kinds import ANY, LIVE, Selection, SessionKind, events_of, kind_of, kinds
from sessions_core.management.session_stats import COLUMNS, stats_of
from sessions_core.management.workspaces import workspace_or_default

# Sessions that one list can have.
MOST_LISTED = 1_000_000


class Command(QuietCommand):
    help = (
        "list, show and stats read sessions. revoke ends them: the next request of their browsers is anonymous. "
        "clean deletes sessions that are over, with what belongs to them, and old events, each after its RETENTION. "
        "It works in small batches beside requests. Run it daily. It can be stopped, repeated and run twice at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|revoke|stats|clean")
        listing = verbs.add_parser("list", help="list sessions, the newest first")
        listing.add_argument("--status", choices=_statuses(), default=LIVE, help="the default is live")
        listing.add_argument("--limit", type=int, default=50, metavar="NUMBER", help="how many; the default is 50")
        show = verbs.add_parser("show", help="show a session, its devices and its history")
        show.add_argument("id", help="the id of a session")
        revoke = verbs.add_parser("revoke", help="end sessions: by id, of a user, of a client, or of a whole workspace")
        revoke.add_argument("ids", nargs="*", metavar="id", help="the id of a session")
        revoke.add_argument("--everybody", action="store_true", help="every session of the workspace; asks first")
        revoke.add_argument("--except", dest="kept", metavar="ID", help="the id of a session to keep")
        revoke.add_argument("--reason", default="", help="the reason recorded in the history")
        revoke.add_argument("--dry-run", action="store_true", help="show what would be revoked, and change nothing")
        revoke.add_argument(
            "--no-input", "--yes", dest="ask", action="store_false", help="do not ask before --everybody, for scripts"
        )
        stats = verbs.add_parser("stats", help="count sessions: live by device, started and ended by day, by reason")
        stats.add_argument("--since", type=duration_of, default="14d", help=f"of what time, {EXAMPLES}; default 14d")
        for each in (listing, revoke, stats):
            _add_selection(each, with_user=each is not stats)
        cleaning = verbs.add_parser("clean", help="delete rows whose retention is over")
        cleaning.add_argument("--dry-run", action="store_true", help="count the rows and delete none")
        for each in (listing, show, revoke, stats, cleaning):
            each.add_argument("--json", action="store_true", help="print JSON")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        report = Report(self, as_json=options["json"])
        match options["verb"]:
            case "list":
                self._list(report, _kind(options), options)
            case "show":
                self._show(report, options["id"])
            case "revoke":
                kind = kind_of(options["ids"][0]) if options["ids"] else _kind(options)
                Revoking(self, report, kind, options).run(_selection(options))
            case "stats":
                kind, selection = _kind(options), _selection(options)
                with ready_database():
                    rows = stats_of(kind, selection.workspace, since=options["since"], at=timezone.now())
                report.rows(rows, COLUMNS)
            case "clean":
                self._clean(options)

    def _list(self, report: Report, kind: SessionKind, options: Mapping[str, Any]) -> None:
        status, limit, at = options["status"], options["limit"], timezone.now()
        if not 1 <= limit <= MOST_LISTED:
            raise CommandError(f"--limit must be between 1 and {MOST_LISTED}.")
        if status not in (LIVE, ANY, *kind.statuses):
            raise CommandError(f"No {kind.name} have the status {status!r}. Use one of {', '.join(kind.statuses)}.")
        with ready_database():
            rows = kind.select(_selection(options)).order_by("-created_at", "-id")
            rows = rows if status == ANY else kind.with_status(rows, status, at=at)
            found = list(kind.with_facts(rows)[: limit + 1])
        report.rows([kind.facts(session, at=at) for session in found[:limit]], kind.columns)
        if len(found) > limit:
            self.stderr.write(f"There are more than {limit}: add --limit.")

    def _show(self, report: Report, id: str) -> None:
        kind, at = kind_of(id), timezone.now()
        with ready_database():
            session = kind.with_facts(kind.rows().filter(pk=id)).first()
        if session is None:
            raise CommandError(f"No session has the id {id!r}.")
        facts, details = kind.facts(session, at=at), kind.details(session, at=at)
        report.facts({**facts, **details, "history": events_of(str(session.pk))})

    def _clean(self, options: Mapping[str, Any]) -> None:
        run = count if options["dry_run"] else clean
        found = []
        for kind in cleaned_kinds():
            with ready_database():
                cleaned = run(kind, seen=self._progress(kind))
            if cleaned.kept:
                self.stderr.write(f"{kind.name}: {cleaned.kept} kept. {cleaned.why_kept}")
            found.append(_cleaning_facts(kind, cleaned, is_dry=options["dry_run"]))
            if not options["json"]:
                self.stdout.write(_sentence(kind, cleaned, is_dry=options["dry_run"]))
        if not options["dry_run"]:
            record_run()
        if options["json"]:
            self.stdout.write(json.dumps(found))

    def _progress(self, kind: Kind) -> Any:
        """Return what shows the progress: nothing unless a person is watching."""
        return Progress(self.stderr, f"{kind.name} so far").show if self.stderr.isatty() else int


def _add_selection(parser: ArgumentParser, *, with_user: bool) -> None:
    parser.add_argument(
        "--kind", choices=[kind.name for kind in kinds()], help="of which app, if several are installed"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workspace", help="the id or the name of a workspace; without one, the default workspace")
    where.add_argument("--everywhere", action="store_true", help="in all workspaces")
    if with_user:
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--user", default="", help="an id such as user_7, a user name or an e-mail address")
        whose.add_argument("--client", default="", help="the id of a client, such as a stolen phone")


def _statuses() -> list[str]:
    return list(dict.fromkeys([LIVE, ANY, *(status for kind in kinds() for status in kind.statuses)]))


def _kind(options: Mapping[str, Any]) -> SessionKind:
    for kind in kinds():
        if options["kind"] in (None, kind.name):
            return kind
    raise CommandError("No app with sessions is installed. Add user_sessions or client_sessions to INSTALLED_APPS.")


def _selection(options: Mapping[str, Any]) -> Selection:
    """Return the selection. The id of a client or of a session says itself to which workspace it belongs."""
    user, client = options.get("user", ""), options.get("client", "")
    is_anywhere = not options["workspace"] and (options["everywhere"] or client or options.get("ids"))
    workspace = None if is_anywhere else workspace_or_default(options["workspace"])
    return Selection(workspace=workspace, user=user, client=client)


def _cleaning_facts(kind: Kind, cleaned: Cleaned, *, is_dry: bool) -> dict[str, Any]:
    kept = kind.retention()
    return {
        "kind": kind.name,
        "retention_seconds": None if kept is None else int(kept.total_seconds()),
        "due" if is_dry else "deleted": cleaned.deleted,
        "locked": cleaned.locked,
        "kept": cleaned.kept,
    }


def _sentence(kind: Kind, cleaned: Cleaned, *, is_dry: bool) -> str:
    kept = kind.retention()
    if kept is None:
        return f"{kind.name}: kept for ever"
    left = f", {cleaned.locked} locked by others: run this again" if cleaned.locked else ""
    return f"{kind.name}: {cleaned.deleted} {'to delete' if is_dry else 'deleted'}{left}"
