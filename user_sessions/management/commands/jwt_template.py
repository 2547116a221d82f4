"""``manage.py jwt_template preview|session_token WORKSPACE``: look at a JWT template, and customise session tokens."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sessions_core.management.workspaces import workspace_named
from sessions_core.models import Workspace
from user_sessions.models import JwtTemplate, UserSession
from user_sessions.previews import preview
from user_sessions.shortcodes import OutputTooLarge, Template, TemplateError, reserved_in


class Command(BaseCommand):
    help = (
        "Shows the exact claims a session would get from a JWT template, and what is probably wrong with it (preview); "
        "or gives every session token of a workspace claims of its own (session_token)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        shown = verbs.add_parser("preview")
        shown.add_argument("name", help="the name of the template")
        shown.add_argument("--session", required=True, help="the id of a live session")
        own = verbs.add_parser("session_token")
        own.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        own.add_argument("claims", help="a JSON object; its values may hold shortcodes")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "preview":
            self._preview(options["name"], options["session"])
        else:
            self._customise(workspace_named(options["workspace"]), options["claims"])

    def _preview(self, name: str, session_id: str) -> None:
        now = timezone.now()
        session = (
            UserSession.objects.for_minting(at=now).select_related("user", "workspace").filter(pk=session_id).first()
        )
        if session is None:
            raise CommandError(f"There is no live session {session_id!r}.")
        template = JwtTemplate.objects.filter(workspace=session.workspace, name=name).first()
        if template is None:
            raise CommandError(f"{session.workspace} has no JWT template {name!r}.")
        try:
            shown = preview(session, template, at=now)
        except OutputTooLarge as error:
            raise CommandError(f"No token would be made: {error}.") from None
        self.stdout.write(json.dumps(shown.claims, indent=2))
        self.stdout.write(f"{shown.size} bytes")
        for finding in shown.findings:
            self.stdout.write(f"{finding.code} at {finding.path or '/'}: {finding.message}")

    def _customise(self, workspace: Workspace, text: str) -> None:
        try:
            claims = dict(json.loads(text).items())
            Template.compile(claims)
        except (ValueError, AttributeError) as error:
            reason = str(error) if isinstance(error, TemplateError) else "not a JSON object"
            raise CommandError(f"The claims are refused: {reason}.") from None
        if reserved := reserved_in(claims):
            raise CommandError(f"The claim {reserved} is set by the server alone.")
        template = JwtTemplate.objects.customise_session_tokens(workspace, claims, by="command:jwt_template")
        self.stdout.write(template.pk)
