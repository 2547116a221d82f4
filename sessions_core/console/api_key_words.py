"""What the console says of an API key: its state, its last use, what it can reach, and what ending it will break."""

from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from sessions_core.api_key_scopes import registered_scopes
from sessions_core.console.console_words import BAD, GOOD, OVER, WARNING, badge, exact, time_in_words
from sessions_core.models import ApiKey

__all__ = [
    "last_use_in_words",
    "scope_in_words",
    "scopes_of",
    "state_badge",
    "uses_in_words",
    "warning_in_words",
]

# A key used within this time probably has callers.
RECENTLY = timedelta(days=7)

# Maximum number of scopes that a list shows for a key.
MOST_LISTED = 2


def state_badge(key: ApiKey, *, at: datetime) -> SafeString:
    """Return what holds now: the same rule decides about a request with the key."""
    if key.revoked_at is not None:
        return badge(pgettext("API key", "Revoked"), BAD, title=exact(key.revoked_at))
    if key.expires_at is None:
        return badge(pgettext("API key", "Works"), GOOD)
    if not key.is_usable(key.kind, at=at):
        return badge(pgettext("API key", "Expired"), OVER, title=exact(key.expires_at))
    return badge(
        format_html(gettext("Ends {when}"), when=time_in_words(key.expires_at, at=at)),
        WARNING if key.successor_id else GOOD,
    )


def last_use_in_words(key: ApiKey, *, at: datetime) -> SafeString | str:
    if key.last_used_at is None:
        return gettext("not used yet")
    return time_in_words(key.last_used_at, at=at)


def uses_in_words(key: ApiKey) -> SafeString | str:
    """Return how often the key was used since it has a successor, and until when that was counted."""
    if key.successor_id is None:
        return "-"
    if not key.uses_since_roll or key.last_used_at is None:
        return gettext("none counted yet")
    text = gettext("{uses}, counted until {time}")
    return format_html(text, uses=f"{key.uses_since_roll:,}", time=exact(key.last_used_at))


def scopes_of(key: ApiKey) -> str:
    """Return the scopes in a few words, for a list of keys."""
    if key.scopes is None:
        return pgettext("API key", "all") if key.kind == ApiKey.Kind.SECRET else "-"
    shown, more = ", ".join(key.scopes[:MOST_LISTED]), len(key.scopes) - MOST_LISTED
    return gettext("{scopes} and {count} more").format(scopes=shown, count=more) if more > 0 else shown


def scope_in_words(key: ApiKey) -> str:
    if key.scopes is not None:
        labels = registered_scopes()
        allowed = "; ".join(f"{labels.get(scope, scope)} ({scope})" for scope in key.scopes)
        return gettext("Only this: {allowed}.").format(allowed=allowed)
    if key.kind == ApiKey.Kind.SECRET:
        return gettext("Everything in this workspace. Only backends may have it.")
    return gettext("Public by design: browsers start client sessions with it, if the workspace allows it.")


def warning_in_words(key: ApiKey, *, at: datetime) -> SafeString:
    """Return what happens to the callers of a key that is revoked now."""
    used = last_use_in_words(key, at=at)
    if not key.is_usable(key.kind, at=at):
        text = gettext("{key} does not work any more. Its last use: {used}.")
    elif key.last_used_at is not None and key.last_used_at > at - RECENTLY:
        text = gettext("{key} is in use. Its last use: {used}. The next request with it is refused.")
    else:
        text = gettext("The next request with {key} is refused. Its last use: {used}.")
    return format_html(text, key=key, used=used)
