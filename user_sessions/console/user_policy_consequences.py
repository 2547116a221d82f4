"""What a change of the policy for user sessions does to the sessions of today."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper
from django.utils.translation import gettext

from sessions_core.console.policy_consequences import MOST_READ, counted_among, register_consequences
from sessions_core.duration_words import duration_in_words
from user_sessions.models import UserSession
from user_sessions.models.policies import LimitPolicy, UserSessionPolicy
from user_sessions.models.status import OPEN, is_in

__all__ = ["register"]

ABOUT_SESSIONS = ("lifetime", "idle_lifetime", "limit", "limit_policy", "single_session_mode")


class _Live(NamedTuple):
    """The columns of a live session that the sentences depend on."""

    user: Any
    client: str
    created_at: datetime
    expire_at: datetime
    latest_expire_at: datetime | None
    impersonator: Any


# Yields sentences about a rule of the policy after the change, for the live sessions at a time.
_OfRule = Callable[[UserSessionPolicy, Sequence[_Live], datetime], Iterator[str]]


def register() -> None:
    register_consequences(UserSessionPolicy, _consequences)


def _consequences(before: UserSessionPolicy, after: UserSessionPolicy, at: datetime) -> Iterator[str]:
    about_sessions = [of_rule for is_due, of_rule in _rules(before, after) if is_due]
    if about_sessions:
        live = _live_sessions(after.workspace_id, at)
        yield gettext("No session ends at once. Live sessions now: %(live)s.") % {"live": f"{len(live):,}"}
        for of_rule in about_sessions:
            yield from of_rule(after, live, at)
        yield counted_among()
    yield from _of_requests(before, after)


def _rules(before: UserSessionPolicy, after: UserSessionPolicy) -> Iterator[tuple[bool, _OfRule]]:
    """Yield each rule about sessions, and whether the change does something with it."""
    changed = {name for name in ABOUT_SESSIONS if getattr(before, name) != getattr(after, name)}
    yield "lifetime" in changed, _of_lifetime
    yield "idle_lifetime" in changed, _of_idle_lifetime
    yield after.limit is not None and bool(changed & {"limit", "limit_policy"}), _of_limit
    yield after.single_session_mode and "single_session_mode" in changed, _of_single_session_mode


def _live_sessions(workspace_id: UUID, at: datetime) -> Sequence[_Live]:
    """Return those of the newest sessions that are live. One query, and the database tries no others: in a filter, the
    condition could make it read the whole table."""
    newest = UserSession.objects.filter(workspace=workspace_id).order_by("-created_at", "-id")
    rows = newest.annotate(live_now=ExpressionWrapper(is_in(OPEN, at=at), output_field=BooleanField()))
    return [_Live(*row) for *row, live_now in rows.values_list(*_Live._fields, "live_now")[:MOST_READ] if live_now]


def _of_lifetime(after: UserSessionPolicy, live: Sequence[_Live], at: datetime) -> Iterator[str]:
    """A session that began without a lifetime gets that of the policy with its next use. Others keep their own."""
    if after.lifetime is None:
        yield gettext("A sign-in from now on has no latest end. Live sessions keep theirs.")
        return
    words = {"lifetime": duration_in_words(after.lifetime)}
    yield gettext("A sign-in from now on ends after %(lifetime)s. Live sessions keep their latest end.") % words
    endless = [session for session in live if session.latest_expire_at is None]
    if endless:
        over = sum(session.created_at <= at - after.lifetime for session in endless)
        text = gettext(
            "Live sessions without a latest end: %(number)s. With their next use they get one, %(lifetime)s after "
            "their sign-in. %(over)s of them are older, so they expire with that use."
        )
        yield text % {**words, "number": f"{len(endless):,}", "over": f"{over:,}"}


def _of_idle_lifetime(after: UserSessionPolicy, live: Sequence[_Live], at: datetime) -> Iterator[str]:
    if after.idle_lifetime is None:
        yield gettext("A live session that is used again then ends at its latest end.")
        return
    facts = {"idle": duration_in_words(after.idle_lifetime)}
    sooner = sum(session.expire_at > at + after.idle_lifetime for session in live)
    text = gettext(
        "A live session that is used again then ends %(idle)s after that use. For %(sooner)s live sessions, a use now "
        "would bring the end forward."
    )
    yield text % {**facts, "sooner": f"{sooner:,}"}


def _of_limit(after: UserSessionPolicy, live: Sequence[_Live], at: datetime) -> Iterator[str]:
    per_user = Counter(session.user for session in live if session.impersonator is None)
    full = sum(number >= (after.limit or 0) for number in per_user.values())
    if after.limit_policy == LimitPolicy.REFUSE:
        text = gettext("Users with %(limit)d live sessions or more: %(full)s. Their next sign-in is refused.")
    else:
        text = gettext("Users with %(limit)d live sessions or more: %(full)s. Their next sign-in ends the oldest.")
    yield text % {"limit": after.limit, "full": f"{full:,}"}


def _of_single_session_mode(after: UserSessionPolicy, live: Sequence[_Live], at: datetime) -> Iterator[str]:
    per_client = Counter(session.client for session in live)
    several = sum(number > 1 for number in per_client.values())
    text = gettext(
        "Browsers and apps with several live sessions: %(several)s. Their next sign-in replaces all of them, or is "
        "refused."
    )
    yield text % {"several": f"{several:,}"}


def _of_requests(before: UserSessionPolicy, after: UserSessionPolicy) -> Iterator[str]:
    """What changes for the next request or key. No query."""
    if before.allows_backend_sessions != after.allows_backend_sessions:
        if after.allows_backend_sessions:
            yield gettext("From the next request on, every API key of the workspace can create user sessions.")
        else:
            yield gettext("From the next request on, API keys cannot create user sessions.")
    if before.issuer != after.issuer:
        text = gettext(
            "Session tokens name the issuer %(issuer)s from now on. A service that expects the former one refuses them."
        )
        yield text % {"issuer": after.issuer}
    if before.signing_algorithm != after.signing_algorithm:
        text = gettext("The present signing key stays. Rotate it to sign with %(algorithm)s.")
        yield text % {"algorithm": after.signing_algorithm}
