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
        "Lists the signing keys of a workspace; publishes the next one (rotate); has one hand over to a successor "
        "(retire); or withdraws one that leaked, and all tokens of it (revoke). Running processes follow by themselves."
        " Gatepass refuses a revoked key at once; other verifiers do when they next fetch the key set."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb in ("list", "rotate", "retire", "revoke"):
            command = verbs.add_parser(verb)
            command.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
            if verb == "rotate":
                command.add_argument("--algorithm", choices=SigningAlgorithm.values, help="from this key on")
            if verb in ("retire", "revoke"):
                command.add_argument("kid", help="as `signing_keys list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        match options["verb"]:
            case "rotate":
                self._rotate(workspace, options["algorithm"])
            case "retire":
                key = self._key(workspace, options["kid"])
                self.stdout.write("It was retired." if key.retire(actor=BY) else _why_not(key))
            case "revoke":
                key = self._key(workspace, options["kid"])
                self.stdout.write("It was revoked." if key.revoke(actor=BY) else _why_not(key))
        self._list(workspace)

    def _rotate(self, workspace: Workspace, algorithm: str | None) -> None:
        key = SigningKey.objects.rotate(workspace, actor=BY, algorithm=algorithm)
        self.stdout.write(f"{key.kid} signs from {key.active_from:%Y-%m-%d %H:%M:%S} UTC on.")
        if algorithm not in (None, key.algorithm):
            self.stdout.write(f"It was next already and is for {key.algorithm}: retire it to have one for {algorithm}.")

    def _key(self, workspace: Workspace, kid: str) -> SigningKey:
        key = SigningKey.objects.filter(workspace=workspace, kid=kid).first()
        if key is None:
            raise CommandError(f"{workspace} has no signing key {kid!r}.")
        return key

    def _list(self, workspace: Workspace) -> None:
        now = timezone.now()
        for key in workspace.user_sessions_signing_keys.all():
            self.stdout.write(f"{key.kid}  {key.algorithm:<5}  {key.stage_at(now):<8}  {_end(key)}")


def _end(key: SigningKey) -> str:
    """When verifiers are no longer told of it."""
    if key.revoked_at:
        return f"revoked at {key.revoked_at:%Y-%m-%d %H:%M}"
    return f"published until {key.published_until:%Y-%m-%d %H:%M}" if key.published_until else "published until -"


def _why_not(key: SigningKey) -> str:
    """Why a key that was asked to step down stays as it is."""
    stage = key.stage_at(timezone.now())
    return "Another key is about to take over already." if stage == Stage.ACTIVE else f"It is {stage} already."
