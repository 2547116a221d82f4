"""``manage.py sessions clean``: delete rows that are no longer needed."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sessions_core.cleaning import Cleaned, Kind, clean, count, kinds, record_run
from sessions_core.management.databases import ready_database
from sessions_core.management.progress import Progress


class Command(BaseCommand):
    help = (
        "clean deletes sessions that are over, with what belongs to them, and old events, each after its RETENTION. "
        "It works in small batches beside requests. Run it daily. It can be stopped, repeated and run twice at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        cleaning = verbs.add_parser("clean", help="delete rows whose retention is over")
        cleaning.add_argument("--dry-run", action="store_true", help="count the rows and delete none")
        cleaning.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        run = count if options["dry_run"] else clean
        found = []
        for kind in kinds():
            with ready_database():
                cleaned = run(kind, seen=self._progress(kind))
            found.append(_facts(kind, cleaned, is_dry=options["dry_run"]))
            if not options["json"]:
                self.stdout.write(_sentence(kind, cleaned, is_dry=options["dry_run"]))
        if not options["dry_run"]:
            record_run()
        if options["json"]:
            self.stdout.write(json.dumps(found))

    def _progress(self, kind: Kind) -> Any:
        """Return what shows the progress: nothing unless a person is watching."""
        return Progress(self.stderr, f"{kind.name} so far").show if self.stderr.isatty() else int


def _facts(kind: Kind, cleaned: Cleaned, *, is_dry: bool) -> dict[str, Any]:
    kept = kind.retention()
    return {
        "kind": kind.name,
        "retention_seconds": None if kept is None else int(kept.total_seconds()),
        "due" if is_dry else "deleted": cleaned.deleted,
        "locked": cleaned.locked,
    }


def _sentence(kind: Kind, cleaned: Cleaned, *, is_dry: bool) -> str:
    kept = kind.retention()
    if kept is None:
        return f"{kind.name}: kept for ever"
    left = f", {cleaned.locked} locked by others: run this again" if cleaned.locked else ""
    return f"{kind.name}: {cleaned.deleted} {'to delete' if is_dry else 'deleted'}{left}"
