"""What a confirmation says about the sessions that will end."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min
from django.utils.translation import gettext

from sessions_core.console.console_words import exact
from user_sessions.conf import settings
from user_sessions.models import JwtTemplate

__all__ = ["consequences", "longest_token"]


def consequences(sessions: Any, *, leaves_out_own: bool, at: datetime) -> list[str]:
    """Return sentences about ending those of these sessions that are live: two queries."""
    facts = sessions.live(at=at).aggregate(
        sessions=Count("pk"), users=Count("user", distinct=True), oldest=Min("created_at"), newest=Max("created_at")
    )
    said = [gettext("Your own session of this console is left out.")] if leaves_out_own else []
    if not facts["sessions"]:
        return [gettext("None of these sessions is live: nothing will change."), *said]
    times = {"oldest": exact(facts["oldest"]), "newest": exact(facts["newest"])}
    templates = JwtTemplate.objects.mintable().filter(workspace__in=sessions.order_by().values("workspace"))
    return [
        gettext("Live sessions that will end: %(sessions)d. Users: %(users)d.") % facts,
        gettext("The oldest began at %(oldest)s, the newest at %(newest)s.") % times,
        *said,
        gettext("This server refuses them from the next request on."),
        gettext("Services that verify tokens by themselves accept those already minted until %(end)s at the latest.")
        % {"end": exact(at + longest_token(templates))},
        gettext("You cannot undo this. The users can sign in again."),
    ]


def longest_token(templates: Any) -> timedelta:
    """Return the longest lifetime of the tokens that callers get unless they ask for another one."""
    longest = templates.aggregate(longest=Max("lifetime"))["longest"] or 0
    of_templates = min(timedelta(seconds=longest), settings.template_token_max_lifetime)
    return max(settings.session_token_lifetime, of_templates)
