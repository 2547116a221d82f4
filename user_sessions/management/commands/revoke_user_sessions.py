"""``manage.py revoke_user_sessions WORKSPACE``: sign somebody out everywhere, or everybody."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sessions_core.management.workspaces import workspace_named
from user_sessions.models import Epoch, UserSession
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
        sessions = UserSession.objects.in_workspace(workspace)
        if options["everybody"]:
            if options["kept"]:
                raise CommandError("--everybody makes no exception.")
            epoch = Epoch.objects.begin(workspace, by=BY, reason=options["reason"])
            self.stdout.write(f"Every session that began before {epoch} UTC is revoked.")
            return
        if options["user"]:
            user = find(workspace, options["user"])
            if user is None:
                raise CommandError(f"There is no user {options['user']!r}.")
            sessions = sessions.of_user(workspace, user)
        else:
            sessions = sessions.filter(client=options["client"])
        revoked = sessions.exclude(pk=options["kept"]).revoke(by=BY, reason=options["reason"])
        self.stdout.write(f"{len(revoked)} sessions revoked.")
