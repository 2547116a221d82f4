"""``manage.py api_key create|list|roll|revoke``: the API keys of a workspace."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, no_translations
from django.db.models import QuerySet
from django.utils import timezone

from sessions_core.api_key_scopes import registered_scopes
from sessions_core.management.databases import ready_database
from sessions_core.management.durations import EXAMPLES, duration_of
from sessions_core.management.lengths import check_length
from sessions_core.management.quiet import QuietCommand
from sessions_core.management.reports import Report
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import ApiKey, NotRollable
from sessions_core.texts import LONGEST_TEXT, printable

BY = "command:api_key"
COLUMNS = (
    "public_part",
    "kind",
    "name",
    "workspace",
    "created_at",
    "last_used_at",
    "expires_at",
    "revoked_at",
    "scopes",
)


class Command(QuietCommand):
    help = (
        "create prints a new key once. list shows keys without their secrets. roll replaces a key, which works beside "
        "its successor for a while. revoke ends a key: the next request with it is refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|roll|revoke")
        create = verbs.add_parser("create", help="create a key and print it once")
        create.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        create.add_argument("--name", required=True, help="where the key will be used")
        create.add_argument(
            "--expires-in", type=duration_of, help=f"how long the key works, {EXAMPLES}; default: no end"
        )
        create.add_argument("--publishable", action="store_true", help="a key for browsers, public by design")
        create.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            metavar="FAMILY:read|write",
            help="what the key may do; repeat it for more; default: everything",
        )
        listing = verbs.add_parser("list", help="list keys, the newest first")
        listing.add_argument("workspace", nargs="?", help="the id or the name of a workspace; without one, of all")
        listing.add_argument("--all", action="store_true", help="also keys that are revoked or expired")
        roll = verbs.add_parser("roll", help="replace a key, and print its successor once")
        roll.add_argument("--overlap", type=duration_of, default="24h", help=f"how long both work, {EXAMPLES}")
        roll.add_argument(
            "--from-first-use", action="store_true", help="the overlap begins when the successor is first used"
        )
        revoke = verbs.add_parser("revoke", help="end a key at once")
        for each in (roll, revoke):
            each.add_argument("key", help="its public part or id, or its name if only one usable key has that name")
            each.add_argument("--workspace", help="the id or the name of the workspace of the key")
        for each in (create, listing, roll, revoke):
            each.add_argument("--json", action="store_true", help="print JSON")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        report = Report(self, as_json=options["json"])
        match options["verb"]:
            case "create":
                self._create(report, options)
            case "list":
                keys = _in_workspace(options["workspace"]).select_related("workspace")
                with ready_database():
                    chosen = list(keys if options["all"] else keys.usable())
                report.rows(map(_facts, chosen), COLUMNS)
            case "roll":
                self._roll(report, _key_named(options["key"], options["workspace"]), options)
            case "revoke":
                self._revoke(report, _key_named(options["key"], options["workspace"]), options)

    def _create(self, report: Report, options: dict[str, Any]) -> None:
        workspace = workspace_named(options["workspace"])
        name = check_length(options["name"], ApiKey, "name", what="--name")
        lifetime = options["expires_in"]
        expires_at = timezone.now() + lifetime if lifetime else None
        scopes = options["scopes"]
        if unknown := set(scopes or ()) - registered_scopes().keys():
            raise CommandError(f"--scope {min(unknown)!r} is unknown. Use {', '.join(registered_scopes())}.")
        if options["publishable"]:
            if scopes:
                raise CommandError("A publishable key has no scopes: use --scope without --publishable.")
            key = ApiKey.objects.issue_publishable(workspace, name=name, actor=BY, expires_at=expires_at)
            self._print(report, key, key.publishable_key, options)
        else:
            issued = ApiKey.objects.issue(workspace, name=name, actor=BY, expires_at=expires_at, scopes=scopes)
            self._print(report, *issued, options)

    def _roll(self, report: Report, key: ApiKey, options: dict[str, Any]) -> None:
        try:
            successor, text = key.roll(overlap=options["overlap"], from_first_use=options["from_first_use"], actor=BY)
        except NotRollable:
            key.refresh_from_db()
            raise CommandError(
                f"{key} {_why_not(key)}. Nothing was changed. Create another key with api_key create."
            ) from None
        self._print(report, successor, text, options)
        former = printable(str(key), longest=LONGEST_TEXT)
        latest = "at the latest " if options["from_first_use"] else ""
        self.stderr.write(f"The former key {former} works {latest}until {key.expires_at:%Y-%m-%d %H:%M} UTC.")

    def _revoke(self, report: Report, key: ApiKey, options: dict[str, Any]) -> None:
        happened = key.revoke(actor=BY)
        if options["json"]:
            key.refresh_from_db()
            report.facts(_facts(key) | {"is_changed": happened})
        else:
            self.stdout.write("Revoked." if happened else "The key was revoked before.")

    def _print(self, report: Report, key: ApiKey, text: str, options: dict[str, Any]) -> None:
        """Print a new key: alone on its line, so that a script can read it."""
        if options["json"]:
            report.facts(_facts(key) | {"api_key": text})
        else:
            self.stdout.write(text)


def _why_not(key: ApiKey) -> str:
    """Return why a key cannot be rolled."""
    if key.revoked_at:
        return "is revoked"
    has = "has a successor and works until" if key.successor_id else "expired at"
    return f"{has} {key.expires_at:%Y-%m-%d %H:%M} UTC"


def _facts(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.pk,
        "public_part": key.short,
        "kind": key.kind,
        "name": key.name,
        "workspace": key.workspace.name,
        "workspace_id": key.workspace_id,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "scopes": key.scopes,
    }


def _in_workspace(name: str | None) -> Any:
    return ApiKey.objects.filter(workspace=workspace_named(name)) if name else ApiKey.objects.all()


def _key_named(text: str, workspace: str | None) -> ApiKey:
    """Return the key with this public part or id, or the only usable one with this name. Raise CommandError."""
    keys = _in_workspace(workspace).select_related("workspace")
    with ready_database():
        found = list(keys.filter(short=text)) or _by_id(keys, text) or list(keys.usable().filter(name=text)[:2])
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"No API key has the public part, id or name {text!r}. api_key list shows them.")
    raise CommandError(f"Several keys have the name {text!r}. Use the public part of one, as api_key list shows it.")


def _by_id(keys: QuerySet[ApiKey], text: str) -> list[ApiKey]:
    try:
        return list(keys.filter(pk=text))
    except ValidationError:
        return []
