"""Personal data of one user: export all of it, or erase it. Each app, and the host, registers the rows that it has.

This module knows no app: what it finds are the rows of the registered sources, and the events and webhook messages.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

from django.core.serializers.json import DjangoJSONEncoder

from sessions_core.arguments import require_instance
from sessions_core.crypto.tokens import pseudonym
from sessions_core.db.transactions import atomic
from sessions_core.models import Event, WebhookMessage, Workspace
from sessions_core.moments import moment
from sessions_core.personal_rows import columns, role
from sessions_core.texts import LONGEST_ACTOR, text
from sessions_core.user_keys import PREFIX, key_of_user
from sessions_core.webhooks.announced import impersonal_body
from sessions_core.webhooks.erasing import forget_messages, messages_about

__all__ = ["DataSource", "Person", "Section", "SeveralWorkspaces", "Traces", "erase_user", "export_user", "register"]

logger = logging.getLogger(__name__)

FORMAT = "gatepass.personal_data.1"

# How each pseudonym begins.
ERASED = "erased_user:"


class SeveralWorkspaces(ValueError):
    """Raised if several workspaces have client sessions with the keys of a person, and none was given."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """The user with this primary key, who may be deleted already.

    ``user_identifier_keys`` are the keys of the user's client sessions, in this workspace if one is given.
    """

    key: Any
    user_identifier_keys: frozenset[str] = frozenset()
    workspace: Workspace | None = None

    @property
    def id(self) -> str:
        """The id of the user in the API."""
        return f"{PREFIX}{self.key}"

    @property
    def pseudonym(self) -> str:
        """What stands for this person in events after an erasure: the same text as long as TOKEN_KEYS do not change."""
        return f"{ERASED}{pseudonym('erased user', str(self.key))}"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One kind of rows in an export. ``portable`` names the columns that Art. 20 GDPR covers."""

    name: str
    purpose: str
    rows: Sequence[Mapping[str, Any]]
    portable: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What stands for a person in events.

    ``clients`` are actors that several people may share: they stand for the person only in events about a subject of
    the person. ``impersonations`` are subjects of others, whose messages describe the person as the impersonator.
    """

    subjects: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    impersonations: frozenset[str] = frozenset()

    def __or__(self, other: Self) -> "Traces":
        return Traces(
            subjects=self.subjects | other.subjects,
            actors=self.actors | other.actors,
            clients=self.clients | other.clients,
            impersonations=self.impersonations | other.impersonations,
        )


def _no_traces(person: Person) -> Traces:
    return Traces()


def _nothing_to_end(person: Person, actor: str, at: datetime) -> object:
    return None


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Rows with personal data.

    ``end`` ends what is live and records events, ``traces`` returns what stands for the person in events, and ``erase``
    deletes the rows and returns how many, by kind. They are called in this order, in one transaction. ``event_data``
    names the data of events that never identify anyone.
    """

    name: str
    export: Callable[[Person], Iterable[Section]]
    erase: Callable[[Person], Mapping[str, int]]
    end: Callable[[Person, str, datetime], object] = _nothing_to_end
    traces: Callable[[Person], Traces] = _no_traces
    event_data: frozenset[str] = field(default_factory=frozenset)


_sources: dict[str, DataSource] = {}


def register(source: DataSource) -> None:
    """Let exports and erasures include these rows. Call it in ``AppConfig.ready``."""
    _sources[source.name] = source


def export_user(
    user: Any,
    *,
    user_identifier_keys: Collection[str] = (),
    workspace: Workspace | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Return everything that is stored about a user, as JSON values. It contains no token and no digest of one.

    ``user`` is an instance or a primary key. ``user_identifier_keys`` name the user's client sessions. Raise
    ValueError, such as SeveralWorkspaces.
    """
    person = _person(user, user_identifier_keys, workspace)
    traces = _traces(person)
    sections = [section for source in _sources.values() for section in source.export(person)]
    sections += [_events_section(traces), _messages_section(traces)]
    found = {
        "format": FORMAT,
        "exported_at": moment(at),
        "user": person.id,
        "sections": [
            {
                "name": section.name,
                "purpose": section.purpose,
                "portable": sorted(section.portable),
                "rows": list(section.rows),
            }
            for section in sections
        ],
    }
    values: dict[str, Any] = json.loads(json.dumps(found, cls=DjangoJSONEncoder))
    return values


def erase_user(
    user: Any,
    *,
    actor: str,
    user_identifier_keys: Collection[str] = (),
    workspace: Workspace | None = None,
    at: datetime | None = None,
) -> dict[str, int]:
    """Erase everything that ``export_user`` returns. Return how many rows were erased, by kind; none the second time.

    Live sessions are revoked first, so that events and webhooks report their end. Events stay: a pseudonym replaces the
    person in them. The row of the user itself is yours to delete, before or after.
    """
    text(actor, name="actor", longest=LONGEST_ACTOR)
    person, at = _person(user, user_identifier_keys, workspace), moment(at)
    with atomic():
        for source in _sources.values():
            source.end(person, actor, at)
        traces = _traces(person)
        erased = {"webhook_messages": forget_messages(traces.subjects | traces.impersonations)}
        for source in _sources.values():
            erased.update(source.erase(person))
        erased["events"] = Event.objects.pseudonymise(
            person.pseudonym,
            subjects=traces.subjects,
            actors=traces.actors,
            clients=traces.clients,
            impersonator=person.id,
            kept=frozenset().union(*(source.event_data for source in _sources.values())),
        )
    erased = {kind: rows for kind, rows in erased.items() if rows}
    logger.info("Erased the personal data of %s: %s", person.pseudonym, erased or "there was none")
    return erased


def _person(user: Any, keys: Collection[str], workspace: Workspace | None) -> Person:
    if workspace is not None:
        require_instance(workspace, Workspace, name="workspace")
    if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
        raise ValueError("user_identifier_keys must be a collection of texts, such as ['jane'].")
    return Person(key=key_of_user(user), user_identifier_keys=frozenset(keys), workspace=workspace)


def _traces(person: Person) -> Traces:
    names = frozenset({person.id, f"user:{person.key}"})
    traces = Traces(subjects=names, actors=names | {f"operator:{person.key}"})
    for source in _sources.values():
        traces |= source.traces(person)
    return traces


def _events_section(traces: Traces) -> Section:
    return Section(
        name="events",
        purpose="Security and audit: who changed what, and when.",
        portable=("type", "created_at", "subject"),
        rows=[
            {
                **columns(event, ("type", "workspace", "created_at")),
                "subject": event.subject if event.subject in traces.subjects else "other",
                "actor": event.actor if event.actor in traces.actors | traces.clients else role(event.actor),
                "data": _without_staff(event.data) if event.subject in traces.subjects else {},
            }
            for event in Event.objects.of(subjects=traces.subjects, actors=traces.actors)
        ],
    )


def _messages_section(traces: Traces) -> Section:
    return Section(
        name="webhook_messages",
        purpose="Delivery of events to other services of the operator.",
        rows=[
            {
                **columns(message, ("id", "type", "attempts", "last_outcome", "delivered_at", "dead_at")),
                "recipient": _host_of(message.endpoint.url),
                "body": _body_of(message),
            }
            for message in messages_about(traces.subjects)
        ],
    )


def _host_of(url: str) -> str:
    """Return scheme and host. The rest of an address may contain secrets of the operator."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"


def _body_of(message: WebhookMessage) -> Any:
    """Return the body for an export. During an impersonation its device and address are those of the staff."""
    body = json.loads(message.body)
    if _without_staff(body) == body:
        return body
    return json.loads(impersonal_body(message.event.type, message.body) or "{}")


def _without_staff(value: Any) -> Any:
    """Return the JSON value without the impersonator, whose rights Art. 15 (4) GDPR protects."""
    if isinstance(value, Mapping):
        return {
            name: "staff" if name in ("impersonator", "actor") and each else _without_staff(each)
            for name, each in value.items()
        }
    return [_without_staff(each) for each in value] if isinstance(value, list) else value
