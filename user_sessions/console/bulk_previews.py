"""What a bulk revocation will do: the set of sessions, frozen, and what the page says about it. Nothing is written."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.views.main import IGNORED_PARAMS, SEARCH_VAR
from django.core import signing
from django.db.models import Count, Max, Min
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext

from sessions_core.changelists import KeysetChangeList
from sessions_core.console.console_words import exact
from sessions_core.console.time_filters import frozen_times
from user_sessions.console.bulk_batches import KEYSET, ORDER, Chosen, frozen_set
from user_sessions.console.own_sessions import own_session
from user_sessions.console.session_consequences import longest_token
from user_sessions.console.session_filters import LIVE, StatusFilter
from user_sessions.console.session_search import may_search_emails, search_condition
from user_sessions.console.session_words import session_in_words
from user_sessions.ids import new_id
from user_sessions.models import JwtTemplate, UserSession
from user_sessions.models.bulk_revocations import BulkRevocation

__all__ = ["Preview", "chosen_by", "drafted", "filter_in_words", "listed_by", "preview", "signed", "unsigned"]

# Sessions that a preview counts, and rows that it reads for them.
MOST_COUNTED = 20_000
MOST_READ = 50_000

SAMPLE = 10

# Rows at both ends of the table among which one must not match, or the filter counts as one that matches everything.
ENDS = 500

# A preview is valid for this time.
VALID = timedelta(hours=1)
SALT = "gatepass bulk revocation"

# Parameters of which an index gives all rows, and few.
NARROW = {"id", "pk", "user", "client"}

FROZEN = ("id", "filters", "found", "left_out", "as_of", "newest_at", "newest_id", "oldest_at", "expected")
TIMES = ("as_of", "newest_at", "oldest_at")


class _Filters(KeysetChangeList):
    """The filters of a list, without its rows."""

    def get_results(self, request: HttpRequest) -> None:
        self.result_list, self.result_count = [], 0


def listed_by(page: Any, request: HttpRequest, filters: dict[str, list[str]]) -> KeysetChangeList:
    """Return the list with these parameters. Raise IncorrectLookupParameters or DisallowedModelAdminLookup."""
    query = QueryDict(mutable=True)
    for name, values in filters.items():
        query.setlist(name, values)
    asked, reader = copy(request), copy(page)
    asked.GET = query  # type: ignore[assignment]  # a copy
    reader.get_changelist = lambda *_, **__: _Filters
    listed: KeysetChangeList = reader.get_changelist_instance(asked)
    return listed


def chosen_by(page: Any, request: HttpRequest, row: BulkRevocation) -> Chosen:
    """Return what the filter of the preview matches. Open sessions only are revoked, so *live* needs no condition: its
    sessions that have ended since then are counted as over."""
    filters = {name: values for name, values in row.filters.items() if name != SEARCH_VAR}
    if filters.get(str(StatusFilter.parameter_name)) == [LIVE]:
        del filters[str(StatusFilter.parameter_name)]
    listed = listed_by(page, request, filters)
    sessions = listed.queryset.filter(**row.found)
    if row.found or any(name.partition("__")[0] in NARROW for name in filters):
        return Chosen(sessions, None)
    scope: Any = UserSession.objects.all()
    for each in listed.filter_specs:
        if each.used_parameters and getattr(each, "is_indexed", False):
            scope = each.queryset(request, scope)
    return Chosen(sessions, scope)


def drafted(page: Any, request: HttpRequest, *, at: datetime) -> BulkRevocation:
    """Return the row of a bulk revocation of all that the address matches now. It is not saved."""
    listed = listed_by(page, request, dict(request.GET.lists()))
    names = {*listed.params} - {*IGNORED_PARAMS} | {SEARCH_VAR}
    given = {name: values for name, values in request.GET.lists() if name in names and any(values)}
    row = BulkRevocation(id=new_id("bulk", at=at), filters=frozen_times(given, at=at), as_of=at, newest_at=at)
    if text := listed.query.strip():
        row.found = _as_json(search_condition(text, with_emails=may_search_emails(request)))
    ends = UserSession.objects.filter(created_at__lte=at)
    newest = ends.order_by(*ORDER).values_list("created_at", "pk").first()
    oldest = ends.order_by("created_at", "id").values_list("created_at", flat=True).first()
    row.newest_at, row.newest_id = newest or (at, "")
    row.oldest_at = oldest or at
    row.workspace_id = _workspace_of(listed)
    return row


def _as_json(condition: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [key if isinstance(key, int | str) else str(key) for key in value] if isinstance(value, list) else value
        for name, value in condition.items()
    }


def _workspace_of(listed: Any) -> Any:
    """Return the id of the workspace to which the filter narrows the list, or None."""
    given = listed.filter_params.get("workspace__id__exact")
    return given[-1] if given else None


@dataclass(frozen=True, kw_only=True)
class Preview:
    """``count`` is a lower bound unless ``is_exact``."""

    count: int
    is_exact: bool
    sample: Sequence[str]
    is_everything: bool
    sentences: Sequence[str]


def preview(page: Any, request: HttpRequest, row: BulkRevocation) -> Preview:
    """Count what will be revoked, up to a bound, and set ``expected`` and ``left_out`` of the row."""
    at = row.as_of
    chosen = chosen_by(page, request, row)
    own = own_session(request)
    if own and frozen_set(chosen.sessions, row).open(at=at).filter(pk=own).exists():
        row.left_out = own
    last = None
    if chosen.scope is not None:
        last = KEYSET.last_of(chosen.scope.order_by(*ORDER), None, MOST_READ)
    found = frozen_set(chosen.sessions, row).open(at=at)
    if last is not None:
        found = found.filter(KEYSET.until(last))
    counted = found.order_by(*ORDER).values("pk", "user_id", "created_at")[: MOST_COUNTED + 1]
    facts = counted.aggregate(
        sessions=Count("pk"), users=Count("user_id", distinct=True), oldest=Min("created_at"), newest=Max("created_at")
    )
    is_exact = last is None and facts["sessions"] <= MOST_COUNTED
    row.expected = facts["sessions"] if is_exact else None
    has_read_all = facts["sessions"] <= MOST_COUNTED
    since = last[0] if last is not None and has_read_all else facts["oldest"] or row.oldest_at
    shown = found.order_by(*ORDER).select_related("user", "client", "latest_activity")[:SAMPLE]
    return Preview(
        count=facts["sessions"],
        is_exact=is_exact,
        sample=[session_in_words(session, at) for session in shown],
        is_everything=_is_everything(chosen, row),
        sentences=_sentences(facts, row, is_exact=is_exact, since=since),
    )


def _is_everything(chosen: Chosen, row: BulkRevocation) -> bool:
    """Return True if every open session at both ends of the table matches, or of the workspace if it has one."""
    rows = UserSession.objects.filter(**({"workspace": row.workspace_id} if row.workspace_id else {}))
    newest = list(rows.order_by(*ORDER).values_list("pk", flat=True)[:ENDS])
    oldest = list(rows.order_by("created_at", "id").values_list("pk", flat=True)[:ENDS])
    ends = frozen_set(UserSession.objects.filter(pk__in={*newest, *oldest}), row).open(at=row.as_of)
    ids = set(ends.values_list("pk", flat=True))
    return ids <= set(chosen.sessions.filter(pk__in=ids).values_list("pk", flat=True))


def _sentences(facts: dict[str, Any], row: BulkRevocation, *, is_exact: bool, since: datetime) -> list[str]:
    said = [gettext("Your own session of this console is left out.")] if row.left_out else []
    if not facts["sessions"] and is_exact:
        return [gettext("None of these sessions is live: nothing will change."), *said]
    if is_exact:
        numbers = gettext("Live sessions that will end: %(sessions)d. Users: %(users)d.")
    else:
        numbers = gettext(
            "Live sessions that will end: at least %(sessions)d. Users: at least %(users)d. This page read a part of "
            "the sessions, newest first."
        )
    times = {"oldest": exact(since), "newest": exact(facts["newest"] or row.newest_at)}
    if is_exact:
        began = gettext("The oldest began at %(oldest)s, the newest at %(newest)s.")
    else:
        began = gettext("The newest began at %(newest)s. This page counted those that began at %(oldest)s or later.")
    templates = JwtTemplate.objects.mintable()
    if row.workspace_id:
        templates = templates.filter(workspace=row.workspace_id)
    return [
        numbers % {"sessions": min(facts["sessions"], MOST_COUNTED), "users": facts["users"]},
        began % times,
        gettext("The set is that of %(time)s. Sessions that begin later are not ended.") % {"time": exact(row.as_of)},
        *said,
        gettext("This server refuses them from the next request on."),
        gettext("Services that verify tokens by themselves accept those already minted until %(end)s at the latest.")
        % {"end": exact(row.as_of + longest_token(templates))},
        gettext("You cannot undo this. The users can sign in again."),
    ]


def filter_in_words(page: Any, request: HttpRequest, filters: dict[str, list[str]]) -> list[str]:
    """Return a line for each filter, such as "status: Live (active or pending)"."""
    listed: Any = listed_by(page, request, filters)
    lines, named = [], set()
    for each in listed.filter_specs:
        if not each.used_parameters:
            continue
        named |= {*each.used_parameters}
        chosen = [str(choice["display"]) for choice in each.choices(listed) if choice["selected"]]
        given = [value for name in each.used_parameters for value in filters.get(name, ())]
        lines.append(f"{each.title}: {', '.join(chosen or given)}")
    others = {name: values for name, values in filters.items() if name not in named}
    return [*lines, *(f"{name}: {', '.join(values)}" for name, values in others.items())]


def signed(row: BulkRevocation, *, by: str, is_everything: bool) -> str:
    """Return the preview as a text for the form, which nobody else can use."""
    facts = {name: getattr(row, name) for name in FROZEN}
    facts |= {name: facts[name].isoformat() for name in TIMES}
    workspace = str(row.workspace_id or "")
    sealed: dict[str, Any] = {**facts, "workspace": workspace, "by": by, "is_everything": is_everything}
    return signing.dumps(sealed, salt=SALT, compress=True)


def unsigned(text: str, *, by: str) -> tuple[BulkRevocation, bool] | None:
    """Return the row of a preview, and True if its filter matches everything. None if the preview is too old."""
    try:
        facts = signing.loads(text, salt=SALT, max_age=VALID)
    except signing.BadSignature:
        return None
    if facts.pop("by") != by:
        return None
    is_everything: bool = facts.pop("is_everything")
    workspace = facts.pop("workspace") or None
    facts |= {name: datetime.fromisoformat(facts[name]) for name in TIMES}
    return BulkRevocation(**facts, workspace_id=workspace), is_everything
