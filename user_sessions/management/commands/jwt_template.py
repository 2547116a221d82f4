"""``manage.py jwt_template preview|session_token``: preview a JWT template, or customise session tokens."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sessions_core.management.databases import ready_database
from sessions_core.management.workspaces import workspace_named
from sessions_core.models import Workspace
from user_sessions.models import JwtTemplate, UserSession, UserSessionError
from user_sessions.templating.previews import preview
from user_sessions.templating.shortcodes import OutputTooLarge, TemplateError
from user_sessions.templating.template_lint import Finding, lint


class Command(BaseCommand):
    help = (
        "preview shows the exact claims a session would get from a JWT template, with warnings. "
        "session_token adds claims to every session token of a workspace."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        preview_parser = verbs.add_parser("preview")
        preview_parser.add_argument("name", help="the name of the template")
        preview_parser.add_argument("--session", required=True, help="the id of a live session")
        own = verbs.add_parser("session_token")
        own.add_argument("workspace", help="the id of the workspace, or its name if only one has that name")
        own.add_argument("claims", help="a JSON object; its values may contain shortcodes")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "preview":
            self._preview(options["name"], options["session"])
        else:
            self._customise(workspace_named(options["workspace"]), options["claims"])

    def _preview(self, name: str, session_id: str) -> None:
        now = timezone.now()
        live = UserSession.objects.for_minting(at=now).select_related("user", "workspace")
        with ready_database():
            session = live.filter(pk=session_id).first()
        if session is None or not session.user.is_active:
            raise CommandError(f"No live session has the id {session_id!r}.")
        template = JwtTemplate.objects.filter(workspace=session.workspace, name=name).first()
        if template is None:
            raise CommandError(f"{session.workspace} has no JWT template {name!r}.")
        try:
            found = preview(session, template, at=now)
        except OutputTooLarge as error:
            raise CommandError(f"The template gives no token for this session: {error}.") from None
        self.stdout.write(json.dumps(found.claims, indent=2))
        self.stdout.write(f"{found.size} bytes")
        self._list(found.findings)

    def _customise(self, workspace: Workspace, text: str) -> None:
        try:
            claims = dict(json.loads(text).items())
        except (ValueError, AttributeError, RecursionError):
            raise CommandError("The claims must be a JSON object.") from None
        try:
            template = JwtTemplate.objects.customise_session_tokens(workspace, claims, actor="command:jwt_template")
        except UserSessionError as error:
            raise CommandError(f"Nothing was changed. {error}") from None
        except TemplateError as error:
            raise CommandError(f"Nothing was changed. {error.__doc__} ({error})") from None
        self.stdout.write(f"Session tokens of {workspace} now carry these claims ({template.pk}).")
        self._list(lint(claims, rendered=claims))

    def _list(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.stdout.write(f"{finding.code} at {finding.path or '/'}: {finding.message}")
