"""``manage.py revoke_user_sessions WORKSPACE``: sign out one user, one client, or every user."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sessions_core.management.lengths import check_length
from sessions_core.management.progress import Progress
from sessions_core.management.users import user_named
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import Workspace
from user_sessions.models import Client, Epoch, UserSession, UserSessionQuerySet

BY = "command:revoke_user_sessions"
BATCH = 500


class Command(BaseCommand):
    help = "Revokes every live user session of a user, of a client such as a stolen phone, or of the whole workspace."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--user", help="the id of a user, such as user_7, or a user name")
        whose.add_argument("--client", help="the id of a client")
        whose.add_argument("--everybody", action="store_true", help="every session of the workspace, at once")
        parser.add_argument("--except", dest="kept", default="", help="the id of a session to keep")
        parser.add_argument("--reason", default="", help="the reason recorded in the history")
        parser.add_argument(
            "--no-input", "--yes", dest="ask", action="store_false", help="do not ask before --everybody, for scripts"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        if options["everybody"]:
            self._begin_epoch(workspace, kept=options["kept"], reason=options["reason"], ask=options["ask"])
            return
        reason = check_length(options["reason"], UserSession, "close_reason", what="--reason")
        user, client = options["user"], options["client"]
        chosen = _of_user(workspace, user) if user else _of_client(workspace, client)
        if options["kept"] and not chosen.filter(pk=options["kept"]).exists():
            raise CommandError(f"{options['kept']!r} is not one of these sessions. Nothing was revoked.")
        revoked = self._revoke(chosen.exclude(pk=options["kept"]), reason=reason)
        self.stdout.write(f"{revoked} sessions revoked.")

    def _revoke(self, chosen: UserSessionQuerySet, *, reason: str) -> int:
        """Revoke in batches, so that other requests do not wait long for the rows. Return how many were revoked."""
        live, revoked = chosen.live(at=timezone.now()), 0
        progress = Progress(self.stderr, "sessions revoked so far")
        while some := list(live.values_list("pk", flat=True)[:BATCH]):
            revoked += len(UserSession.objects.filter(pk__in=some).revoke(actor=BY, reason=reason))
            progress.show(revoked)
        return revoked

    def _begin_epoch(self, workspace: Workspace, *, kept: str, reason: str, ask: bool) -> None:
        if kept:
            raise CommandError("--everybody cannot be combined with --except.")
        reason = check_length(reason, Epoch, "reason", what="--reason")
        if ask:
            _confirm(f"Sign out every user of {workspace}? Type yes to go on: ")
        epoch = Epoch.objects.begin(workspace, actor=BY, reason=reason)
        self.stdout.write(f"Every session that began before {epoch} UTC is revoked.")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("--everybody asks before it signs everyone out, and there is no terminal. Add --no-input.")
    if input(question).strip().lower() != "yes":
        raise CommandError("Nothing was revoked.")


def _of_user(workspace: Workspace, name: str) -> UserSessionQuerySet:
    return UserSession.objects.in_workspace(workspace).of_user(user_named(name).pk)


def _of_client(workspace: Workspace, id: str) -> UserSessionQuerySet:
    if not Client.objects.filter(workspace=workspace, pk=id).exists():
        raise CommandError(f"{workspace} has no client {id!r}.")
    return UserSession.objects.in_workspace(workspace).filter(client=id)
