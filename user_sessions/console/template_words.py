"""Words of the template editor: problems, and what differs between two versions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from user_sessions.models import JwtTemplateVersion

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

__all__ = ["FINDINGS", "MALFORMED", "REFUSED", "DiffLine", "differences", "differing_lines", "pretty"]

# Names that a sentence lists.
MOST_NAMES = 20

# By the code of ``json_lines.Malformed``.
MALFORMED: Mapping[str, "_StrOrPromise"] = {
    "name_expected": _("A name in double quotes is missing."),
    "trailing_comma": _("No comma may follow the last item."),
    "comma_expected": _("A comma is missing, or a text is not closed."),
    "colon_expected": _("A colon is missing after the name."),
    "value_expected": _("A value is missing. Texts need double quotes."),
    "extra_data": _("There is more text after the end of the object."),
    "unterminated_string": _("This text is not closed."),
    "control_character": _("A text contains a line break or a tab. Write \\n or \\t."),
    "invalid_escape": _("A backslash is not followed by a valid character."),
    "not_json": _("This is not JSON."),
    "not_an_object": _("The claims must be an object, in braces."),
    "not_a_number": _("NaN and Infinity are not JSON."),
    "number_too_large": _("A number is too large."),
    "name_twice": _("This name occurs twice in the same object."),
    "too_deep": _("The claims are nested too deeply."),
}

# By the reason that ``Definition.check`` gives.
REFUSED: Mapping[str, "_StrOrPromise"] = {
    "name": _("Use printable text without / \\ ? # and %, and without spaces at its ends."),
    "reserved_claim": _("Only the server sets this claim."),
    "audience": _("The audience must be a text or a list of texts."),
    "NotJson": _("A value cannot be stored as JSON: a number is too large, or a character is incomplete."),
    "TooLarge": _("The claims are too large: as compact JSON, at most 16 KiB, or 8 KiB in session tokens."),
    "TooDeep": _("The claims are nested too deeply."),
    "TooManyShortcodes": _("The claims contain too many shortcodes."),
}

# By the code of ``template_lint.Finding``.
FINDINGS: Mapping[str, "_StrOrPromise"] = {
    "reserved_claim": _("Only the server sets this claim."),
    "shortcode_in_key": _("A name contains a shortcode, which has no effect there."),
    "malformed_shortcode": _("The text in braces is not a shortcode."),
    "unknown_shortcode": _("The shortcode does not exist. Its value is null."),
    "private_metadata": _("The claim would contain private metadata of the user."),
    "audience": _("The audience must be a text or a list of texts."),
    "token_too_large": _("The token is too large for a cookie."),
}


def pretty(claims: str) -> str:
    """Return JSON text with one value per line."""
    return json.dumps(json.loads(claims), indent=2, ensure_ascii=False)


@dataclass(frozen=True)
class DiffLine:
    """A line of a comparison. ``sign`` is ``+``, ``-``, ``@`` for a gap, or a space."""

    sign: str
    text: str


def differing_lines(old: JwtTemplateVersion, new: JwtTemplateVersion) -> list[DiffLine]:
    """Return the lines of the claims that differ, with some around them."""
    found = list(unified_diff(pretty(old.claims).splitlines(), pretty(new.claims).splitlines(), lineterm="", n=3))
    return [DiffLine(line[0], "…" if line[0] == "@" else line[1:]) for line in found[3:]]


def differences(old: JwtTemplateVersion | None, new: JwtTemplateVersion) -> list[str]:
    """Return sentences that say what differs between two versions."""
    if old is None:
        return [gettext("The template was created.")]
    found = [*_differing_values(old, new), *_differing_claims(json.loads(old.claims), json.loads(new.claims))]
    return found or [gettext("Nothing differs.")]


def _differing_values(old: JwtTemplateVersion, new: JwtTemplateVersion) -> Iterator[str]:
    sentences = {
        "name": gettext("The name changed from %(old)s to %(new)s."),
        "lifetime": gettext("The lifetime changed from %(old)s to %(new)s seconds."),
        "allowed_clock_skew": gettext("The allowed clock skew changed from %(old)s to %(new)s seconds."),
    }
    for name, sentence in sentences.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield sentence % {"old": before, "new": after}
    if old.signing_algorithm != new.signing_algorithm:
        signed = gettext("Tokens are signed with a key of the template's own (%(algorithm)s).")
        plain = gettext("Tokens are signed with the key of the workspace.")
        yield signed % {"algorithm": new.signing_algorithm} if new.signing_algorithm else plain
    if new.has_new_key and new.number > old.number:
        yield gettext("The signing key was replaced.")


def _differing_claims(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    changed = [name for name in new if name in old and json.dumps(new[name]) != json.dumps(old[name])]
    sentences = (
        (gettext("Added claims: %(names)s."), added),
        (gettext("Removed claims: %(names)s."), removed),
        (gettext("Changed claims: %(names)s."), changed),
    )
    for sentence, names in sentences:
        if names:
            yield sentence % {"names": ", ".join(names[:MOST_NAMES]) + ("…" if len(names) > MOST_NAMES else "")}
    if not added and not removed and not changed and list(old) != list(new):
        yield gettext("The order of the claims changed.")
