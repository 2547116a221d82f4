"""The personal data of user sessions: their devices, addresses, places and names, tickets and sign-in attempts."""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet, TextField
from django.db.models.functions import Cast

from sessions_core.batches import batches
from sessions_core.models import Event
from sessions_core.models.events import USER_ERASED
from sessions_core.personal_data import DataSource, Person, Section, Traces, register
from sessions_core.personal_rows import columns, delete_quietly, role
from user_sessions.bulk_traces import (
    bulk_revocations_about,
    bulk_revocations_naming,
    erase_bulk_revocations,
    operator_of,
)
from user_sessions.closers import DISOWNER
from user_sessions.exceptions import UserInactive
from user_sessions.models import Activity, Client, Epoch, SignIn, Ticket, UserSession, admission

__all__ = ["register_source"]

# The types of events whose data names the user. The user of a session may be deleted before the erasure.
NAMING = [
    "user_session.created",
    "user_session.pending",
    *(f"{kind}.{change}" for kind in Ticket.Kind.values for change in ("created", "accepted", "revoked")),
]
# The impersonator is another person, who answers for what happened.
IMPERSONAL = frozenset({"impersonator", "tasks", "was_over", "bulk_revocation", "as_of", "ended", "already_over"})

SESSION = [
    *("id", "workspace", "client", "created_at", "updated_at", "last_active_at", "expire_at", "abandon_at"),
    *("latest_expire_at", "idle_lifetime", "verified_at", "second_factor_at", "reverifying_since"),
    *("first_factor_reverified_at", "refreshed_to", "refreshed_at", "refreshed_for", "closed_at", "close_reason"),
    *("tasks", "amr"),
]
PLACE = ["city", "country", "latitude", "longitude", "accuracy_radius"]
DEVICE = [
    *("id", "session", "created_at", "browser_name", "browser_version", "device_type", "is_mobile"),
    *("system", "system_version", "ip_address", "address_hash"),
]
CLIENT = ["id", "workspace", "name", "created_at", "updated_at"]
TICKET = ["id", "kind", "workspace", "session_lifetime", "created_at", "updated_at", "expire_at"]
BULK = ["id", "workspace", "filters", "reason", "as_of", "started_at", "finished_at", "ended", "already_over"]
SIGN_IN = ["id", "client", "identifier", "created_session", "created_at", "first_factor_verified_at", "second_factors"]


def register_source() -> None:
    """Register the rows. Called by ``AppConfig.ready``."""
    register(
        DataSource(name="user_sessions", export=_export, end=_end, traces=_traces, erase=_erase, event_data=IMPERSONAL)
    )


def _export(person: Person) -> Iterator[Section]:
    sessions = list(UserSession.objects.filter(user=person.key).with_status_facts().order_by("created_at", "pk"))
    yield Section(
        name="user_sessions",
        purpose="Signing in, and staying signed in.",
        portable=["created_at", "last_active_at", "amr", "tasks"],
        rows=[columns(each, SESSION) | _derived(each) | {"closed_by": _closed_by(each)} for each in sessions],
    )
    # During an impersonation, device and address are those of the impersonator.
    own = [session.pk for session in sessions if session.impersonator is None]
    as_others = [session.pk for session in impersonated_by(person.id, UserSession)]
    yield Section(
        name="activities",
        purpose="Recognizing sign-ins by others.",
        portable=set(DEVICE) - {"address_hash"},
        rows=[
            *(columns(each, DEVICE + PLACE) for each in _among(Activity, "session", own)),
            *(columns(each, DEVICE + PLACE) | {"session": "other"} for each in _among(Activity, "session", as_others)),
        ],
    )
    yield Section(
        name="clients",
        purpose="One browser or app installation, which may have several sessions.",
        portable=["name", "created_at"],
        rows=list(_client_rows(person)),
    )
    yield from _export_attempts(person)
    yield Section(
        name="bulk_revocations",
        purpose="Security and audit: which sessions an operator ended at once, and why.",
        rows=[
            columns(row, BULK) | {"actor": row.actor if row.actor == operator_of(person) else role(row.actor)}
            for row in bulk_revocations_about(person, _own_ids(person))
        ],
    )


def _client_rows(person: Person) -> Iterator[dict[str, Any]]:
    """Yield the clients. A client of several people has one name, which any of them may have given: it is withheld."""
    ids = _client_ids(person, _named_in(person))
    shared = _used_by_others(person, ids)
    for client in _among(Client, "pk", ids):
        yield columns(client, CLIENT) | ({"name": None} if client.pk in shared else {})


def _export_attempts(person: Person) -> Iterator[Section]:
    tickets = Ticket.objects.filter(user=person.key).select_related("user")
    yield Section(
        name="tickets",
        purpose="One sign-in without a password, issued by a backend.",
        portable=["created_at"],
        rows=[columns(each, TICKET) | _derived(each) for each in tickets],
    )
    attempts = SignIn.objects.filter(user=person.key)
    yield Section(
        name="sign_ins",
        purpose="Signing in step by step.",
        portable=["identifier", "created_at"],
        rows=[columns(each, SIGN_IN) | {"status": each.status} for each in attempts],
    )


def _derived(row: UserSession | Ticket) -> dict[str, Any]:
    return {"status": row.status, "impersonator": "staff" if row.impersonator else None}


def _end(person: Person, actor: str, at: datetime) -> None:
    # Tickets first, so that a session that one of them begins now is revoked below.
    for some in batches([ticket.pk for ticket in impersonated_by(person.id, Ticket)]):
        Ticket.objects.filter(pk__in=some).revoke(actor=actor, at=at)
    users: QuerySet[Any] = QuerySet(get_user_model())
    if (user := users.filter(pk=person.key).first()) is not None:
        with suppress(UserInactive):
            admission.lock(user)  # lock the user before clients and sessions, as a sign-in does
    as_others = impersonated_by(person.id, UserSession)
    ids = _client_ids(person, _named_in(person)) | {session.client_id for session in as_others}
    for some in batches(ids):
        list(Client.objects.select_for_update(no_key=True).filter(pk__in=some).order_by("pk").values_list("pk"))
    UserSession.objects.filter(user=person.key).revoke(actor=actor, at=at, reason=USER_ERASED)
    for some in batches([session.pk for session in as_others]):
        UserSession.objects.filter(pk__in=some).revoke(actor=actor, at=at, reason=USER_ERASED)
    Ticket.objects.filter(user=person.key).revoke(actor=actor, at=at)


def _traces(person: Person) -> Traces:
    named = _named_in(person)
    sessions = UserSession.objects.filter(user=person.key).order_by().values_list("pk", flat=True)
    tickets = Ticket.objects.filter(user=person.key).order_by().values_list("pk", flat=True)
    # Rows that are deleted already have left their events.
    actors = {
        *(f"user_session:{id}" for id in sessions),
        *(f"{DISOWNER}{id}" for id in sessions),
        *(f"{DISOWNER}{event.subject}" for event in named),
        *(f"ticket:{id}" for id in tickets),
        *(f"{_actor_kind(event)}:{event.subject}" for event in named),
    }
    ids, client_ids = {each.partition(":")[2] for each in actors}, _client_ids(person, named)
    bulk = bulk_revocations_naming(person, _own_ids(person))
    return Traces(
        subjects=frozenset({*ids, *(client_ids - _used_by_others(person, client_ids)), *bulk}),
        actors=frozenset(actors),
        clients=frozenset(f"client:{id}" for id in client_ids),
        impersonations=frozenset(_impersonations(person)),
    )


def _erase(person: Person) -> dict[str, int]:
    """Delete the rows. A client that others have sessions on stays, without its name, which may be of the user."""
    client_ids = _client_ids(person, _named_in(person))
    bulk = erase_bulk_revocations(person, _own_ids(person))
    as_others, impersonations = _erase_as_impersonator(person)
    activities = Activity.objects.filter(session__user=person.key)
    erased = {
        "activities": activities.count() + as_others,
        "impersonations": impersonations,
        "bulk_revocations": bulk,
        "user_sessions": delete_quietly(UserSession, UserSession.objects.filter(user=person.key)),
        "sign_ins": delete_quietly(SignIn, SignIn.objects.filter(user=person.key)),
        "tickets": delete_quietly(Ticket, Ticket.objects.filter(user=person.key)),
    }
    alone = Client.objects.filter(sessions=None, sign_in=None)
    erased["clients"] = sum(delete_quietly(Client, alone.filter(pk__in=some)) for some in batches(client_ids))
    for some in batches(client_ids):
        Client.objects.filter(pk__in=some).exclude(name="").update(name="")
    erased["epochs"] = Epoch.objects.filter(actor=operator_of(person)).update(actor=person.pseudonym)
    return erased


def _erase_as_impersonator(person: Person) -> tuple[int, int]:
    """Erase the person from what belongs to others. Return how many activities, and how many sessions and tickets."""
    activities, rows = 0, 0
    for some in batches([session.pk for session in impersonated_by(person.id, UserSession)]):
        sessions = UserSession.objects.filter(pk__in=some)
        rows += sessions.update(impersonator={"sub": person.pseudonym}, latest_activity=None)
        activities += Activity.objects.filter(session__in=some).delete()[0]
        Client.objects.filter(sessions__in=some).exclude(name="").update(name="")  # the device was the person's
    for some in batches([ticket.pk for ticket in impersonated_by(person.id, Ticket)]):
        rows += Ticket.objects.filter(pk__in=some).update(impersonator={"sub": person.pseudonym})
    return activities, rows


def impersonated_by(id: str, model: type[UserSession | Ticket]) -> list[Any]:
    """Return the sessions or tickets with this impersonator, which belong to others."""
    # As text: JSON functions of databases refuse some of the values that the column can have.
    stored: QuerySet[Any] = QuerySet(model).annotate(text=Cast("impersonator", TextField()))
    return [row for row in stored.filter(text__contains=json.dumps(id)) if row.impersonator.get("sub") == id]


def _impersonations(person: Person) -> set[str]:
    """Return the ids of what the person did as others. Its rows may be deleted."""
    events = Event.objects.filter(type__in=NAMING, data__impersonator__sub=person.id).order_by()
    sessions, tickets = impersonated_by(person.id, UserSession), impersonated_by(person.id, Ticket)
    return {*events.values_list("subject", flat=True), *(row.pk for row in (*sessions, *tickets))}


def _named_in(person: Person) -> list[Event]:
    """Return the events that name the user. Their sessions may be deleted."""
    return list(Event.objects.filter(type__in=NAMING, data__user=str(person.key)).order_by())


def _own_ids(person: Person) -> set[str]:
    """Return the ids of the person's sessions and clients. Their rows may be deleted."""
    named = _named_in(person)
    sessions = UserSession.objects.filter(user=person.key).order_by().values_list("pk", flat=True)
    return {*sessions, *(event.subject for event in named), *_client_ids(person, named)}


def _actor_kind(event: Event) -> str:
    return "user_session" if event.type.startswith("user_session.") else "ticket"


def _client_ids(person: Person, named: Iterable[Event] = ()) -> set[str]:
    """Return the clients of the user's rows and of these events."""
    of_sessions = UserSession.objects.filter(user=person.key).order_by().values_list("client", flat=True)
    of_attempts = SignIn.objects.filter(user=person.key).order_by().values_list("client", flat=True)
    return {*of_sessions, *of_attempts, *(event.data["client"] for event in named if "client" in event.data)}


def _used_by_others(person: Person, client_ids: Collection[str]) -> set[str]:
    """Return those of the clients that other users have sessions on, or try to sign in on."""
    found: set[str] = set()
    for some in batches(client_ids):
        for model in (UserSession, SignIn):
            of_others: QuerySet[Any] = QuerySet(model).filter(client__in=some).exclude(user=person.key)
            found.update(of_others.values_list("client", flat=True))
    return found


def _among(model: type[Model], field: str, ids: Collection[Any]) -> Iterator[Any]:
    for some in batches(ids):
        yield from model._default_manager.filter(**{f"{field}__in": some})


def _closed_by(session: UserSession) -> str:
    own = (session.actor, f"client:{session.client_id}")
    return session.closed_by if session.closed_by in own else role(session.closed_by)
