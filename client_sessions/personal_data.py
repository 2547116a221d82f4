"""The personal data of client sessions: those with the keys of a user, and the user's personal access tokens."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from client_sessions import resources
from client_sessions.models import ClientSession, Grant, PersonalAccessToken
from sessions_core.batches import batches
from sessions_core.models.events import USER_ERASED
from sessions_core.personal_data import DataSource, Person, Section, SeveralWorkspaces, Traces, register
from sessions_core.personal_rows import columns, delete_quietly

__all__ = ["register_source"]

SESSION = ["id", "workspace", "user_identifier_key", "created_at", "expires_at", "revoked_at", "key_released_at"]
GRANT = ["client_session", "resource_type", "created_at", "read_until", "control_until"]
TOKEN = ["id", "name", "created_at", "revoked_at"]
IMPERSONAL = frozenset({"was_revoked", "expires_at"})


def register_source() -> None:
    """Register the rows. Called by ``AppConfig.ready``."""
    register(
        DataSource(
            name="client_sessions", export=_export, end=_end, traces=_traces, erase=_erase, event_data=IMPERSONAL
        )
    )


def _export(person: Person) -> Iterator[Section]:
    sessions = list(_sessions(person))
    yield Section(
        name="client_sessions",
        purpose="Access of a browser to the resources that it was granted.",
        portable=["user_identifier_key", "created_at"],
        rows=[columns(session, SESSION) | {"status": session.status} for session in sessions],
    )
    yield Section(
        name="grants",
        purpose="Which resources a client session may reach.",
        rows=[
            columns(grant, GRANT) | {"resource_id": resources.format_id(grant.resource_type, grant.resource_id)}
            for some in batches([session.pk for session in sessions])
            for grant in Grant.objects.filter(client_session__in=some)
        ],
    )
    yield Section(
        name="personal_access_tokens",
        purpose="Access of a program in the name of the user.",
        portable=["name", "created_at"],
        rows=[
            columns(token, TOKEN) | {"workspaces": [each.pk for each in token.workspaces.all()]}
            for token in _tokens(person).prefetch_related("workspaces")
        ],
    )


def _end(person: Person, actor: str, at: datetime) -> None:
    for session in _sessions(person).filter(revoked_at=None).order_by("pk"):
        session.revoke(actor=actor, at=at)
    PersonalAccessToken.objects.filter(user=person.key).revoke(actor=actor, at=at, reason=USER_ERASED)


def _traces(person: Person) -> Traces:
    ids = [str(id) for id in _sessions(person).order_by().values_list("pk", flat=True)]
    shorts = list(_tokens(person).order_by().values_list("short", flat=True))
    actors = [*(f"client_session:{id}" for id in ids), *(f"personal_access_token:{short}" for short in shorts)]
    return Traces(subjects=frozenset([*ids, *shorts]), actors=frozenset(actors))


def _erase(person: Person) -> dict[str, int]:
    grants = Grant.objects.filter(client_session__in=_sessions(person)).count()
    return {
        "grants": grants,
        "client_sessions": delete_quietly(ClientSession, _sessions(person)),
        "personal_access_tokens": delete_quietly(PersonalAccessToken, _tokens(person)),
    }


def _sessions(person: Person) -> QuerySet[ClientSession]:
    """Return the sessions with the keys of the person. The same key may be another person in another workspace."""
    found = ClientSession.objects.filter(user_identifier_key__in=person.user_identifier_keys)
    if person.workspace is not None:
        return found.filter(workspace=person.workspace)
    if found.order_by().values("workspace").distinct().count() > 1:
        raise SeveralWorkspaces(
            "Several workspaces have client sessions with these keys: pass the workspace of the person."
        )
    return found


def _tokens(person: Person) -> QuerySet[PersonalAccessToken]:
    return PersonalAccessToken.objects.filter(user=person.key)
