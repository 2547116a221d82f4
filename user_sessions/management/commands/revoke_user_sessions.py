"""``manage.py revoke_user_sessions WORKSPACE``: sign somebody out everywhere, or everybody."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.lengths import fitting
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import Workspace
from user_sessions.models import Client, Epoch, UserSession, UserSessionQuerySet
from user_sessions.users import find

BY = "command:revoke_user_sessions"


class Command(BaseCommand):
    help = "Revokes every live user session of a user, of a client such as a stolen phone, or of the whole workspace."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--user", help="the id of a user, such as user_7")
        whose.add_argument("--client", help="the id of a client")
        whose.add_argument("--everybody", action="store_true", help="by one row, however many there are")
        parser.add_argument("--except", dest="kept", default="", help="the id of a session that stays")
        parser.add_argument("--reason", default="", help="what the history will say")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        if options["everybody"]:
            self._begin_epoch(workspace, kept=options["kept"], reason=options["reason"])
            return
        reason = fitting(options["reason"], UserSession, "close_reason", what="--reason")
        chosen = _of_user(workspace, options["user"]) if options["user"] else _of_client(workspace, options["client"])
        if options["kept"] and not chosen.filter(pk=options["kept"]).exists():
            raise CommandError(f"{options['kept']!r} is none of these sessions, so nothing was revoked.")
        revoked = chosen.exclude(pk=options["kept"]).revoke(by=BY, reason=reason)
        self.stdout.write(f"{len(revoked)} sessions revoked.")

    def _begin_epoch(self, workspace: Workspace, *, kept: str, reason: str) -> None:
        if kept:
            raise CommandError("--everybody makes no exception.")
        epoch = Epoch.objects.begin(workspace, by=BY, reason=fitting(reason, Epoch, "reason", what="--reason"))
        self.stdout.write(f"Every session that began before {epoch} UTC is revoked.")


def _of_user(workspace: Workspace, id: str) -> UserSessionQuerySet:
    sessions = UserSession.objects.of_user_id(workspace, id)
    if not sessions.exists() and find(workspace, id) is None:
        raise CommandError(f"There is no user {id!r}.")
    return sessions


def _of_client(workspace: Workspace, id: str) -> UserSessionQuerySet:
    if not Client.objects.filter(workspace=workspace, pk=id).exists():
        raise CommandError(f"{workspace} has no client {id!r}.")
    return UserSession.objects.in_workspace(workspace).filter(client=id)
