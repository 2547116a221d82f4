"""What the console says of signing keys: the state of each, what happens next and when, and what an action does."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from sessions_core.console.console_words import BAD, GOOD, OVER, WARNING, badge, exact, time_in_words
from sessions_core.models import Workspace
from user_sessions.conf import settings
from user_sessions.models import SigningKey, Stage
from user_sessions.models.signing_keys import SKEW

__all__ = [
    "Entry",
    "next_step_in_words",
    "pending_key",
    "retirement_in_words",
    "revocation_in_words",
    "rotation_in_words",
    "stage_badge",
    "stage_of",
    "successor_from",
    "time_line",
    "when",
]

# Maximum number of keys on a time line. Keys that are no longer published come last.
MOST_KEYS = 20


def when(time: datetime, *, at: datetime) -> SafeString:
    """Return a time in words, followed by the exact time: both matter before an action."""
    return format_html("{} ({})", time_in_words(time, at=at), exact(time))


def successor_from(at: datetime) -> Subquery:
    """Annotate keys with the time from which the next published key signs, so that they need no query each."""
    later = SigningKey.objects.published(at=at).filter(
        workspace=OuterRef("workspace"), active_from__gt=OuterRef("active_from")
    )
    return Subquery(later.order_by("active_from").values("active_from")[:1])


def stage_of(key: Any, *, at: datetime) -> Stage:
    """Return the same as ``key.stage_at(at)``, without a query, for a key with the annotation ``successor_from``."""
    if key.revoked_at is not None or (key.published_until is not None and key.published_until <= at):
        return Stage.GONE
    if key.active_from > at:
        return Stage.NEXT
    return Stage.ACTIVE if key.successor_from is None or key.successor_from > at else Stage.RETIRING


def stage_badge(key: SigningKey, stage: Stage) -> SafeString:
    if key.revoked_at is not None:
        return badge(pgettext("signing key", "Revoked"), BAD, title=exact(key.revoked_at))
    kinds = {Stage.NEXT: WARNING, Stage.ACTIVE: GOOD, Stage.RETIRING: GOOD, Stage.GONE: OVER}
    return badge(stage.label, kinds[stage])


def next_step_in_words(key: Any, *, at: datetime) -> SafeString | str:
    """Return what the clock does next with a key that has the annotation ``successor_from``, counted down."""
    stage, until = stage_of(key, at=at), key.published_until
    if key.revoked_at is not None:
        return format_html(gettext("Revoked {when}."), when=time_in_words(key.revoked_at, at=at))
    if stage == Stage.NEXT:
        return format_html(gettext("Signs {when}. Until then verifiers fetch it."), when=when(key.active_from, at=at))
    if until is None or (stage == Stage.ACTIVE and key.successor_from is None):
        return gettext("Signs until its successor does. No successor is published.")
    if stage == Stage.ACTIVE:
        text = gettext("Signs until its successor does: {when}. Then it stays published until {end}.")
        return format_html(text, when=when(key.successor_from, at=at), end=exact(until))
    if stage == Stage.RETIRING:
        text = gettext("No longer signs. Leaves the key set {when}, after its last token has expired.")
        return format_html(text, when=when(until, at=at))
    return format_html(gettext("Left the key set {when}."), when=time_in_words(until, at=at))


class Entry(NamedTuple):
    """A key on a time line."""

    key: SigningKey
    stage: SafeString
    next_step: SafeString | str


def time_line(workspace: Workspace, *, at: datetime) -> list[Entry]:
    """Return the keys of a workspace from the next to the oldest: one query."""
    keys = SigningKey.objects.filter(workspace=workspace).annotate(successor_from=successor_from(at))
    return [
        Entry(key, stage_badge(key, stage_of(key, at=at)), next_step_in_words(key, at=at))
        for key in keys.order_by("-active_from", "kid")[:MOST_KEYS]
    ]


def pending_key(workspace: Workspace, *, at: datetime) -> SigningKey | None:
    """Return the published key that does not sign yet."""
    keys = SigningKey.objects.filter(workspace=workspace, active_from__gt=at).published(at=at)
    return keys.order_by("active_from").first()


def rotation_in_words(workspace: Workspace, pending: SigningKey | None, *, at: datetime) -> list[SafeString | str]:
    """Return what a rotation does now, or when it becomes possible."""
    if pending is not None:
        text = gettext("Refused: {key} is published and signs {when}. After that you can rotate again.")
        return [format_html(text, key=pending, when=when(pending.active_from, at=at))]
    active = SigningKey.objects.active(workspace, at=at)
    if active is None:
        return [gettext("The workspace has no key yet. Two are published: one signs now, the other soon.")]
    return succession_in_words(active, at=at)


def succession_in_words(key: SigningKey, *, at: datetime) -> list[SafeString | str]:
    """Return what happens when a successor of the active key is published."""
    signs_from, until = key.succession(at=at)
    published = gettext("A new key is published now. It signs {when}, when every verifier can have fetched it.")
    signs = gettext("{key} signs until then. It stays published until {end}, when its last token has expired.")
    return [
        format_html(published, when=when(signs_from, at=at)),
        format_html(signs, key=key, end=exact(until)),
        gettext("Every token stays valid, and users stay signed in. No process needs a restart."),
    ]


def retirement_in_words(key: Any, *, at: datetime) -> list[SafeString | str]:
    """Return what retiring does, or when it becomes unnecessary."""
    stage = stage_of(key, at=at)
    if stage == Stage.NEXT:
        return [gettext("It never signs, and leaves the key set now. The active key continues to sign.")]
    if stage == Stage.ACTIVE and key.published_until is None:
        return succession_in_words(key, at=at)
    return [refusal_in_words(key, at=at)]


def refusal_in_words(key: Any, *, at: datetime) -> SafeString | str:
    """Return why a key cannot be retired, and when the clock does it."""
    stage = stage_of(key, at=at)
    if stage == Stage.GONE or key.published_until is None:
        return gettext("Refused: the key is no longer published.")
    if stage == Stage.ACTIVE:
        return gettext("Refused: its successor is published already, and replaces it when every verifier has it.")
    last, end = key.published_until - SKEW, key.published_until
    text = gettext("Refused: tokens that it signed can be valid until {last}. It leaves the key set by itself {when}.")
    return format_html(text, last=exact(last), when=when(end, at=at))


def revocation_in_words(key: Any, *, at: datetime) -> list[SafeString | str]:
    """Return what a revocation does, and who trusts the key for how much longer."""
    stage = stage_of(key, at=at)
    if stage == Stage.GONE:
        return [gettext("The key is not published, so no verifier has to trust it.")]
    if stage == Stage.NEXT:
        return [gettext("It has signed nothing. It leaves the key set now, and the active key continues to sign.")]
    lines: list[SafeString | str] = [gettext("This server refuses every token that it signed, at once.")]
    fetched = at + settings.jwks_max_age
    text = gettext("Other verifiers accept its tokens until they fetch the key set again: at the latest {when}.")
    lines.append(format_html(text, when=when(fetched, at=at)))
    if stage == Stage.ACTIVE:
        lines.append(
            gettext("Its successor signs at once. Verifiers that fetch only at intervals refuse it until they fetch.")
        )
    lines.append(gettext("Sessions continue: browsers get new session tokens."))
    lines.append(gettext("If the key has not leaked, rotate it instead: then every token stays valid."))
    return lines
