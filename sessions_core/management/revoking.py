"""``manage.py sessions revoke``: a preview, a confirmation, and batches."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sessions_core.management.confirmation import confirm
from sessions_core.management.databases import ready_database
from sessions_core.management.progress import Bar
from sessions_core.management.reports import Report
from sessions_core.management.session_kinds import LIVE, Rows, Selection, SessionKind
from sessions_core.models import Workspace
from sessions_core.texts import LONGEST_TEXT, printable

__all__ = ["Revoking"]

BY = "command:sessions"

ASKING = "--everybody asks before it signs everyone out"
NOTHING = "Nothing was revoked."

# Sessions of one transaction: other requests wait no longer than that for the rows.
BATCH = 500

# Sessions that --dry-run shows.
MOST_SHOWN = 50


class Revoking:
    """One run of the command, with the options of its command line."""

    def __init__(self, command: BaseCommand, report: Report, kind: SessionKind, options: Mapping[str, Any]) -> None:
        self.command, self.report, self.kind, self.options = command, report, kind, options
        self.at = timezone.now()

    def run(self, selection: Selection) -> None:
        """Revoke the live sessions of the selection, or those that the command line names. Raise CommandError."""
        self._check(selection)
        self.kind.check_reason(self.options["reason"], is_for_all=self.options["everybody"])
        with ready_database():
            live = self.kind.with_status(self._chosen(selection), LIVE, at=self.at)
            number = live.count() if self.options["dry_run"] or self.command.stderr.isatty() else 0
        if self.options["dry_run"]:
            self._preview(live, number)
        elif self.options["everybody"] and selection.workspace:
            self._revoke_all(selection.workspace, live, number)
        else:
            self._revoke(live, number)

    def _check(self, selection: Selection) -> None:
        """Refuse a command line that names no sessions, or some in two ways."""
        ways = [self.options["ids"], selection.user, selection.client, self.options["everybody"]]
        if sum(map(bool, ways)) != 1:
            raise CommandError("Name what to revoke in one way: ids, --user, --client or --everybody.")
        if self.options["kept"] == "":
            raise CommandError("--except needs the id of a session. Nothing was revoked.")
        if self.options["everybody"] and (selection.workspace is None or self.options["kept"]):
            raise CommandError(
                "--everybody is for one workspace, and cannot be combined with --everywhere or --except."
            )

    def _chosen(self, selection: Selection) -> Rows:
        """Return the sessions, live or not. Raise CommandError for an id that is not among them."""
        ids, kept = self.options["ids"], self.options["kept"]
        chosen = self.kind.select(selection)
        if unknown := [id for id in [*ids, *filter(None, [kept])] if not self.kind.owns(id)]:
            raise CommandError(f"{unknown[0]!r} is not the id of a session. Nothing was revoked.")
        if ids:
            chosen = chosen.filter(pk__in=ids)
            missing = {id.lower() for id in ids} - {str(pk).lower() for pk in chosen.values_list("pk", flat=True)}
            if missing:
                raise CommandError(f"No session has the id {min(missing)!r}. Nothing was revoked.")
        if kept and not chosen.filter(pk=kept).exists():
            raise CommandError(f"{kept!r} is not one of these sessions. Nothing was revoked.")
        return chosen.exclude(pk=kept) if kept else chosen

    def _preview(self, live: Rows, number: int) -> None:
        shown = self.kind.with_facts(live.order_by("-created_at", "-id"))[:MOST_SHOWN]
        rows = [self.kind.facts(session, at=self.at) for session in shown]
        if self.options["json"]:
            self.report.facts({"is_dry_run": True, "would_revoke": number, "newest": rows})
            return
        self.report.rows(rows, self.kind.columns)
        more = f" The newest {MOST_SHOWN} are listed." if number > MOST_SHOWN else ""
        self.command.stderr.write(f"{number} sessions would be revoked.{more}")

    def _revoke_all(self, workspace: Workspace, live: Rows, number: int) -> None:
        if self.options["ask"]:
            name = printable(str(workspace), longest=LONGEST_TEXT)
            question = f"Revoke all {self.kind.name} of {name}? Type yes to go on: "
            confirm(question, asking=ASKING, otherwise=NOTHING)
        reason = self.options["reason"]
        until = self.kind.revoke_all(workspace, actor=BY, at=self.at, reason=reason)
        if until is None:
            self._revoke(live, number)
        elif self.options["json"]:
            self.report.facts({"revoked": "all", "until": until, "is_complete": True})
        else:
            self.command.stdout.write(f"Every session that began before {until:%Y-%m-%d %H:%M:%S} UTC is revoked.")

    def _revoke(self, live: Rows, number: int) -> None:
        """Revoke in batches. A batch is in one transaction: after Ctrl-C the earlier ones stay, and that is printed."""
        revoked, is_complete = 0, False
        bar = Bar(self.command.stderr, "sessions", total=number)
        try:
            while some := list(live.order_by().values_list("pk", flat=True)[:BATCH]):
                rows = self.kind.rows().filter(pk__in=some)
                revoked += self.kind.revoke(rows, actor=BY, at=self.at, reason=self.options["reason"])
                bar.show(revoked)
            is_complete = True
        finally:
            bar.close()
            if self.options["json"]:
                self.report.facts({"revoked": revoked, "is_complete": is_complete})
            else:
                self.command.stdout.write(f"{revoked} sessions revoked{'' if is_complete else ' before the end'}.")
