"""One search box for sessions: ids, an address, or part of a user's name or e-mail address."""

from ipaddress import ip_address
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

from sessions_core.console.console_permissions import permission_for
from sessions_core.texts import is_storable
from sessions_core.user_keys import key_in_text
from user_sessions.addresses import stored_address
from user_sessions.models import Activity
from user_sessions.users import key_of

__all__ = ["MOST_FOUND", "USERS_READ", "find_sessions", "may_search_emails", "search_condition"]

# Part of a name is searched among this many users with the highest keys: no index helps. Whole names are found anyway.
USERS_READ = 20_000

# Maximum number of users whose sessions are listed.
MOST_FOUND = 50

# Maximum number of sessions of an address.
MOST_OF_ADDRESS = 1000

LONGEST = 200


def may_search_emails(request: HttpRequest) -> bool:
    """Return True if the operator may view users, and so their e-mail addresses."""
    return bool(request.user.has_perm(permission_for("view", get_user_model())))


def find_sessions(sessions: Any, text: str, *, with_emails: bool) -> Any:
    """Return the sessions that the text stands for. Without ``with_emails``, no e-mail address is searched: else one
    who may not see it could find it out letter by letter."""
    return sessions.filter(**search_condition(text, with_emails=with_emails))


def search_condition(text: str, *, with_emails: bool) -> dict[str, Any]:
    """Return the condition that the text stands for now, as filter arguments."""
    if not is_storable(text) or len(text) > LONGEST:
        return {"pk__in": []}
    if text.startswith("sess_"):
        return {"pk": text}
    if text.startswith("client_"):
        return {"client": text}
    if _is_address(text):
        return {"pk__in": _used_from(text)}
    return {"user__in": user_keys(text, with_emails=with_emails)}


def user_keys(text: str, *, with_emails: bool) -> list[Any]:
    """Return the primary keys of the users whose id, name or e-mail address this is, or contains it: at most four
    queries."""
    model = get_user_model()
    users: Any = QuerySet(model)  # not the host's manager, which may hide users
    names = _names(model, with_emails=with_emails)
    exact = [Q(**{field.name: text}) for field in names if _is_indexed(field)]
    exact += [Q(pk=key) for key in (key_of(text), key_in_text(text, model)) if key is not None]
    keys = [key for condition in exact for key in users.filter(condition).order_by().values_list("pk", flat=True)[:2]]
    newest = users.order_by("-pk")
    limit = newest.values_list("pk", flat=True)[USERS_READ : USERS_READ + 1].first()
    recent = newest if limit is None else newest.filter(pk__gt=limit)
    contains = Q()
    for field in names:
        contains |= Q(**{f"{field.name}__icontains": text})
    return list(dict.fromkeys([*keys, *recent.filter(contains).values_list("pk", flat=True)[:MOST_FOUND]]))


def _names(model: type[Model], *, with_emails: bool) -> "list[Field[Any, Any]]":
    """Return the columns of user names, which the list shows, and of e-mail addresses."""
    user_model: Any = model
    found = []
    emails = [user_model.get_email_field_name()] if with_emails else []
    for name in dict.fromkeys([user_model.USERNAME_FIELD, *emails]):
        try:
            field = user_model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        if not field.is_relation:
            found.append(field)
    return found


def _is_indexed(field: "Field[Any, Any]") -> bool:
    column: Any = field
    indexes = column.model._meta.indexes
    return column.unique or column.db_index or any(index.fields[:1] == [column.name] for index in indexes)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _used_from(address: str) -> list[str]:
    """Return the ids of the latest sessions that were used from an address, in whatever form it is stored."""
    stored, hashed = stored_address(address)
    activities = Activity.objects.order_by("-created_at")
    if not (stored or hashed):
        return []
    # SQLite uses an index of a part of the rows only if the query repeats its condition.
    found = (
        activities.filter(ip_address=stored) if stored else activities.filter(address_hash__gt="", address_hash=hashed)
    )
    return list(dict.fromkeys(found.values_list("session", flat=True)[:MOST_OF_ADDRESS]))
