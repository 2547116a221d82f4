"""The form of the template editor. Each problem with the claims names its line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.console.workspace_fields import WorkspaceField
from user_sessions.console.template_words import MALFORMED, REFUSED, pretty
from user_sessions.keys.custom_keys import ALGORITHMS, KeyRefused, validate_key
from user_sessions.models import AudienceRefused, Definition, JwtTemplate, NameRefused, ReservedClaim
from user_sessions.models.template_definitions import (
    CLOCK_SKEWS,
    DEFAULT_CLOCK_SKEW,
    DEFAULT_LIFETIME,
    OF_SESSION_TOKENS,
)
from user_sessions.templating.json_lines import Malformed, SourceText, read
from user_sessions.templating.shortcodes import TemplateError
from user_sessions.templating.template_lint import Finding
from user_sessions.tokens.session_tokens import LIFETIMES

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["Problem", "TemplateForm"]

# Characters. The limit of the claims, MAX_SIZE, is that of compact JSON; this text may be indented.
LONGEST_CLAIMS = 64 * 1024

WORKSPACE_KEY = [("", _("the key of the workspace"))]


class WriteOnlyTextarea(forms.Textarea):
    """Never renders its value."""

    def format_value(self, value: Any) -> None:
        return None


@dataclass(frozen=True)
class Problem:
    """A problem with the claims. ``line`` counts from 1, and is None if the problem has no line. ``detail`` is in
    English."""

    text: "_StrOrPromise"
    line: int | None = None
    column: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        facts = {"line": self.line, "column": self.column, "problem": self.text}
        if self.line is None:
            return str(self.text)
        if self.column is None:
            return gettext("Line %(line)d: %(problem)s") % facts
        return gettext("Line %(line)d, column %(column)d: %(problem)s") % facts


class TemplateForm(forms.Form):
    """``definition`` is what the form asks for, once it is valid, and ``source`` the claims with their lines."""

    workspace = WorkspaceField()
    name = forms.CharField(label=pgettext_lazy("Gatepass", "name"), max_length=255, strip=False)
    is_for_session_tokens = forms.BooleanField(
        label=_("for session tokens"),
        required=False,
        help_text=_("Add these claims to every session token of the workspace. Name, times and key do not apply."),
    )
    lifetime = forms.IntegerField(
        label=pgettext_lazy("Gatepass", "lifetime"),
        min_value=LIFETIMES.start,
        max_value=LIFETIMES.stop - 1,
        initial=DEFAULT_LIFETIME,
        help_text=_("In seconds. No token lives longer than its session."),
    )
    allowed_clock_skew = forms.IntegerField(
        label=_("allowed clock skew"),
        min_value=CLOCK_SKEWS.start,
        max_value=CLOCK_SKEWS.stop - 1,
        initial=DEFAULT_CLOCK_SKEW,
        help_text=_("In seconds. Tokens are valid this much before they are issued, for verifiers with a slow clock."),
    )
    claims = forms.CharField(
        label=pgettext_lazy("Gatepass", "claims"),
        max_length=LONGEST_CLAIMS,
        initial="{\n}",
        widget=forms.Textarea({"rows": 20, "cols": 90, "spellcheck": "false", "class": "template-claims"}),
        help_text=_('A JSON object. Values may contain shortcodes, such as "{{user.id}}".'),
    )
    signing_algorithm = forms.ChoiceField(
        label=_("signed with"),
        choices=[*WORKSPACE_KEY, *((each, each) for each in ALGORITHMS)],
        required=False,
        help_text=_("With an algorithm, the template has a key of its own. Without one, its own key is deleted."),
    )
    signing_key = forms.CharField(
        label=_("signing key"),
        required=False,
        widget=WriteOnlyTextarea({"rows": 3, "cols": 90, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("A secret or a private key in PEM. No page shows it again. Leave empty to keep the stored key."),
    )
    session = forms.CharField(
        label=_("session of the preview"),
        required=False,
        max_length=60,
        widget=forms.TextInput({"list": "template-sessions", "size": 50}),
        help_text=_("The ID of a live user session. Empty: the newest one."),
    )
    latest = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, template: JwtTemplate | None = None, latest: int | None = None) -> None:
        super().__init__(data, initial=_initial(template, latest), label_suffix="")
        self.template = template
        self.source: SourceText | None = None
        self.definition = Definition(name="", claims={})
        self.problems: list[Problem] = []
        if template is not None:
            del self.fields["workspace"], self.fields["is_for_session_tokens"]
        if template is not None and template.is_for_session_tokens:
            for name in ("name", "lifetime", "allowed_clock_skew", "signing_algorithm", "signing_key"):
                del self.fields[name]

    @property
    def is_of_session_tokens(self) -> bool:
        if self.template is not None:
            return self.template.is_for_session_tokens
        return bool(self.cleaned_data.get("is_for_session_tokens"))

    def line_of(self, pointer: str) -> int | None:
        """Return the line of the value at a JSON pointer, or of what contains it."""
        lines = self.source.lines if self.source else {}
        while pointer and pointer not in lines:
            pointer = pointer.rpartition("/")[0]
        return lines.get(pointer) if pointer else None

    def problem_of(self, finding: Finding, texts: "Mapping[str, _StrOrPromise]") -> Problem:
        return Problem(texts[finding.code], self.line_of(finding.path), detail=finding.message)

    def full_clean(self) -> None:
        """For session tokens, only the claims count."""
        if self.is_bound and self.data.get("is_for_session_tokens") and self.template is None:
            for name in ("name", "lifetime", "allowed_clock_skew"):
                self.fields[name].required = False
        super().full_clean()

    def clean_latest(self) -> int | None:
        """Return 0, which is no version, if the number is missing."""
        latest: int | None = self.cleaned_data["latest"]
        return 0 if latest is None and self.initial.get("latest") else latest

    def clean_claims(self) -> Mapping[str, Any]:
        try:
            self.source = read(self.cleaned_data["claims"])
        except Malformed as error:
            self._refuse(Problem(MALFORMED[error.code], error.line, error.column))
        assert self.source is not None
        return self.source.claims

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            self.definition = self._definition()
            if not self.errors:
                self._check(self.definition)
        return self.cleaned_data

    def _definition(self) -> Definition:
        given = self.cleaned_data
        if self.is_of_session_tokens:
            return Definition(name=OF_SESSION_TOKENS, claims=given["claims"])
        return Definition(
            name=given["name"],
            claims=given["claims"],
            lifetime=given["lifetime"],
            allowed_clock_skew=given["allowed_clock_skew"],
            signing_algorithm=given["signing_algorithm"],
            signing_key=self._key(given["signing_algorithm"], given["signing_key"].replace("\r\n", "\n")),
        )

    def _key(self, algorithm: str, text: str) -> bytes | None:
        if text and not algorithm:
            self.add_error("signing_algorithm", _("Choose the algorithm of the key."))
        elif text:
            try:
                return validate_key(text, algorithm)
            except KeyRefused as refused:
                self.add_error("signing_key", _("The key cannot be used. %(reason)s") % {"reason": refused})
        elif algorithm and (self.template is None or self.template.signing_algorithm != algorithm):
            self.add_error("signing_key", _("Enter the key for this algorithm."))
        return None

    def _check(self, definition: Definition) -> None:
        try:
            definition.check()
            if definition.name == OF_SESSION_TOKENS and not self.is_of_session_tokens:
                raise NameRefused
        except NameRefused:
            self.add_error("name", REFUSED["name"])
        except ReservedClaim as error:
            self._refuse(Problem(REFUSED["reserved_claim"], self.line_of(f"/{error.claim}")), "claims")
        except AudienceRefused:
            self._refuse(Problem(REFUSED["audience"], self.line_of("/aud")), "claims")
        except TemplateError as error:
            self._refuse(Problem(REFUSED[type(error).__name__], detail=str(error)), "claims")

    def _refuse(self, problem: Problem, name: str | None = None) -> None:
        """Record a problem of the claims as an error of the form."""
        self.problems.append(problem)
        refusal = ValidationError(f"{problem} ({problem.detail})" if problem.detail else str(problem))
        if name is None:
            raise refusal
        self.add_error(name, refusal)


def _initial(template: JwtTemplate | None, latest: int | None) -> dict[str, Any]:
    if template is None:
        return {}
    names = ("name", "lifetime", "allowed_clock_skew", "signing_algorithm")
    return {**{name: getattr(template, name) for name in names}, "claims": pretty(template.claims), "latest": latest}
