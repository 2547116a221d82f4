"""What a change of the policy for client sessions does to the sessions and keys of today."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext

from client_sessions.models import ClientSession, ClientSessionPolicy, Status
from sessions_core.changelists import bounded_count
from sessions_core.console.policy_consequences import MOST_READ, counted_among, register_consequences
from sessions_core.duration_words import duration_in_words
from sessions_core.models import ApiKey

__all__ = ["register"]


def register() -> None:
    register_consequences(ClientSessionPolicy, _consequences)


def _consequences(before: ClientSessionPolicy, after: ClientSessionPolicy, at: datetime) -> Iterator[str]:
    about_sessions = [*_of_sessions(before, after, at)]
    if about_sessions:
        yield from (gettext("No client session ends at once."), *about_sessions, counted_among())
    if before.allows_publishable_keys != after.allows_publishable_keys:
        keys = bounded_count(ApiKey.objects.publishable().usable(at=at).filter(workspace=after.workspace_id))
        if after.allows_publishable_keys:
            text = gettext("From the next request on, publishable keys open client sessions: %(keys)s.")
        else:
            text = gettext("From the next request on, publishable keys are refused: %(keys)s.")
        yield text % {"keys": keys}


def _of_sessions(before: ClientSessionPolicy, after: ClientSessionPolicy, at: datetime) -> Iterator[str]:
    if before.lifetime != after.lifetime:
        yield gettext("The lifetime applies to client sessions that are created or extended from now on.")
    least = after.user_identifier_key_min_length
    is_longer = least > before.user_identifier_key_min_length
    has_other_end = before.max_lifetime != after.max_lifetime and not after.workspace.is_sandbox
    live = _live_sessions(after.workspace_id, at) if is_longer or has_other_end else ()
    if has_other_end:
        text = gettext("Live client sessions that end later than %(longest)s from now, and keep their end: %(later)s.")
        latest = at + after.max_lifetime
        later = sum(session.expires_at > latest for session in live)
        yield text % {"longest": duration_in_words(after.max_lifetime), "later": f"{later:,}"}
    if is_longer:
        text = gettext(
            "A browser with a shorter user identifier key is refused from the next request on. Live client sessions "
            "with such a key: %(shorter)s."
        )
        keys = [session.user_identifier_key for session in live]
        shorter = sum(key is not None and len(key) < least for key in keys)
        yield text % {"shorter": f"{shorter:,}"}


def _live_sessions(workspace_id: UUID, at: datetime) -> Sequence[ClientSession]:
    """Return those of the newest sessions that are live. One query, and the database tries no others: in a filter, the
    condition could make it read the whole table."""
    newest = ClientSession.objects.filter(workspace=workspace_id).order_by("-created_at", "-id")
    columns = ("expires_at", "revoked_at", "key_released_at", "user_identifier_key")
    return [session for session in newest.only(*columns)[:MOST_READ] if session.status_at(at) == Status.LIVE]
