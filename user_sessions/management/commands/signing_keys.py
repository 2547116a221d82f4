"""``manage.py signing_keys list|rotate|retire|revoke WORKSPACE``: the keys that sign a workspace's tokens."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sessions_core.management.workspaces import workspace_named
from sessions_core.models import Workspace
from user_sessions.models import SigningAlgorithm, SigningKey, Stage

BY = "command:signing_keys"


class Command(BaseCommand):
    help = (
        "list shows the signing keys of a workspace. rotate publishes the next key. retire replaces a key. "
        "revoke withdraws a leaked key and makes every token it signed invalid. Running processes need no restart. "
        "Gatepass refuses a revoked key at once; other verifiers do when they next fetch the key set."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb in ("list", "rotate", "retire", "revoke"):
            command = verbs.add_parser(verb)
            command.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
            if verb == "rotate":
                command.add_argument("--algorithm", choices=SigningAlgorithm.values, help="for this and later keys")
            if verb in ("retire", "revoke"):
                command.add_argument("kid", help="as `signing_keys list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        match options["verb"]:
            case "rotate":
                self._rotate(workspace, options["algorithm"])
            case "retire":
                key = self._key(workspace, options["kid"])
                self.stdout.write("Retired." if key.retire(actor=BY) else _why_not(key))
            case "revoke":
                key = self._key(workspace, options["kid"])
                self.stdout.write("Revoked." if key.revoke(actor=BY) else _why_not(key))
        self._list(workspace)

    def _rotate(self, workspace: Workspace, algorithm: str | None) -> None:
        key = SigningKey.objects.rotate(workspace, actor=BY, algorithm=algorithm)
        self.stdout.write(f"{key.kid} signs from {key.active_from:%Y-%m-%d %H:%M:%S} UTC.")
        if algorithm not in (None, key.algorithm):
            self.stdout.write(f"It was already pending, for {key.algorithm}. Retire it to get a key for {algorithm}.")

    def _key(self, workspace: Workspace, kid: str) -> SigningKey:
        key = SigningKey.objects.filter(workspace=workspace, kid=kid).first()
        if key is None:
            raise CommandError(f"{workspace} has no signing key {kid!r}.")
        return key

    def _list(self, workspace: Workspace) -> None:
        now = timezone.now()
        for key in workspace.user_sessions_signing_keys.all():
            self.stdout.write(f"{key.kid}  {key.algorithm:<5}  {key.stage_at(now):<8}  {_format_end(key)}")


def _format_end(key: SigningKey) -> str:
    """Return when the key leaves the key set."""
    if key.revoked_at:
        return f"revoked at {key.revoked_at:%Y-%m-%d %H:%M}"
    return f"published until {key.published_until:%Y-%m-%d %H:%M}" if key.published_until else "published until -"


def _why_not(key: SigningKey) -> str:
    """Return why the key was neither retired nor revoked."""
    stage = key.stage_at(timezone.now())
    return "Its successor is already published." if stage == Stage.ACTIVE else f"The key is already {stage}."
