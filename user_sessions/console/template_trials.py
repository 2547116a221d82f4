"""A trial of the template in the editor: its lint, and the token that a session would get."""

from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sessions_core.models import Workspace
from user_sessions.console.template_forms import Problem, TemplateForm
from user_sessions.console.template_words import FINDINGS
from user_sessions.models import Definition, JwtTemplate, Status, UserSession
from user_sessions.models.template_definitions import OF_SESSION_TOKENS
from user_sessions.templating.previews import Preview, preview
from user_sessions.templating.shortcodes import RESERVED, RESERVED_IN_SESSION_TOKENS, OutputTooLarge
from user_sessions.templating.template_lint import Finding, lint

__all__ = ["Trial"]

# Sessions that the editor offers for a preview: live ones of the newest.
NEWEST_SESSIONS = 50


class Trial:
    """A preview of the template in a form, or only its lint if there is no session to preview it for."""

    def __init__(
        self, form: TemplateForm, template: JwtTemplate | None, workspace: Workspace | None, *, shows_sessions: bool
    ) -> None:
        self.form, self.template, self.workspace = form, template, workspace
        self.shows_sessions = shows_sessions and workspace is not None
        self.preview: Preview | None = None
        self.problems: list[Problem] = []
        self._newest: list[UserSession] | None = None

    def offered(self) -> list[UserSession]:
        """Return live sessions among the newest ones of the workspace: one query."""
        if not self.shows_sessions:
            return []
        if self._newest is None:
            now = timezone.now()
            rows = UserSession.objects.with_status_facts().filter(workspace=self.workspace).select_related("user")
            newest = rows.order_by("-created_at", "-id")[:NEWEST_SESSIONS]
            self._newest = [session for session in newest if session.status_at(now) == Status.ACTIVE]
        return self._newest

    def run(self, *, asked: bool) -> None:
        session = self._session() if asked else None
        if session is None:
            reserved = RESERVED_IN_SESSION_TOKENS if self.form.is_of_session_tokens else RESERVED
            self._report(lint(self.form.definition.claims, reserved=reserved))
            return
        try:
            self.preview = preview(session, self._draft(session.workspace), at=timezone.now())
        except OutputTooLarge:
            self.form.add_error("claims", _("The claims of this session would be larger than 64 KiB."))
        else:
            self._report(self.preview.findings)

    def _report(self, findings: Sequence[Finding]) -> None:
        self.problems += [self.form.problem_of(finding, FINDINGS) for finding in findings]

    def _session(self) -> UserSession | None:
        """Return the session of the preview. Report it if there is none."""
        if not self.shows_sessions:
            self.form.add_error(None, _("A preview needs the permission to view user sessions."))
            return None
        given = self.form.cleaned_data["session"].strip()
        wanted = given or next((session.pk for session in self.offered()), "")
        assert self.workspace is not None
        found = UserSession.minting(self.workspace, wanted, at=timezone.now()) if wanted else None
        if found is None:
            self.form.add_error("session", _("There is no such live session in this workspace."))
        return found

    def _draft(self, workspace: Workspace) -> JwtTemplate:
        definition: Definition = self.form.definition
        if self.template is not None:
            return self.template.draft(definition)
        draft = JwtTemplate.objects.draft(workspace, definition)
        draft.is_for_session_tokens = definition.name == OF_SESSION_TOKENS
        return draft
