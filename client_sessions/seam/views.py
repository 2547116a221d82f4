"""The endpoints of ``/client_sessions``."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.utils import timezone
from rest_framework.request import Request

from client_sessions import resources
from client_sessions.device_counts import with_device_count
from client_sessions.models import (
    Action,
    ClientSession,
    ClientSessionPolicy,
    ClientSessionQuerySet,
    Grant,
    KeyTaken,
    Terms,
)
from client_sessions.models.grants import ALL
from client_sessions.scoping import remaining_grant_types
from client_sessions.seam.base_view import SeamView
from client_sessions.seam.errors import SeamError, Validation, invalid
from client_sessions.seam.pagination import PAGE_PARAMETERS, page_of
from client_sessions.seam.parameters import Parameters
from client_sessions.seam.session_parameters import GET, LIST, ONE, of_grants
from client_sessions.seam.shapes import client_session_object, loaded_client_session, stored_client_session
from sessions_core.credentials import PUBLISHABLE_KEY
from sessions_core.db.transactions import atomic
from sessions_core.http.parameters import Text
from sessions_core.http.responses import Response

__all__ = ["ClientSessionsView"]

# Maximum number of client sessions in a list without page parameters.
MOST_LISTED = 1000

# Headers that may contain the user identifier key of a request with a publishable key.
KEY_HEADERS = ("seam-user-identifier-key", "user-identifier-key")


class ClientSessionsView(SeamView):
    by_workspace_id = frozenset({"retrieve"})

    def create(self, request: Request) -> Response:
        if self.auth.credential == PUBLISHABLE_KEY:
            values = self._check_publishable(of_grants().publishable.read(request), missing_key_status=401)
        else:
            values = of_grants().create.read(request)
        if request.method == "PUT":
            return self._session_response(self._start_or_get(values))
        return self._session_response(ClientSession.objects.start(**self._request_of(values)))

    def get_or_create(self, request: Request) -> Response:
        if self.auth.credential == PUBLISHABLE_KEY:
            given = _key_from_headers(request) | of_grants().publishable.read(request)
            values = self._check_publishable(given, missing_key_status=400)
            return self._session_response(self._start_or_get(values))
        values = of_grants().get_or_create.read(request)
        return self._session_response(ClientSession.objects.start_or_match(**self._request_of(values)))

    def retrieve(self, request: Request) -> Response:
        values = GET.read(request)
        if isinstance(self.auth, ClientSession):
            if not _selects_only(self.auth, values):
                raise SeamError("invalid_options", "A client session token reads its own session; name no other.")
            return self._stored_session_response(self.auth.pk)
        if values.keys() == {"client_session_id"}:
            return self._stored_session_response(*_ids(values["client_session_id"]))
        return self._session_response(self._get_session(values))

    def grant_access(self, request: Request) -> Response:
        values = of_grants().grant_access.read(request)
        session = self._get_session_to_change(values)
        session.grant(
            _wanted(values),
            actor=self.auth.actor,
            terms=_terms(values),
            user_identifier_key=values.get("user_identifier_key"),
        )
        return self._session_response(session)

    def revoke_access(self, request: Request) -> Response:
        values = of_grants().revoke_access.read(request)
        wanted = _wanted(values)
        if not wanted:
            Validation.refuse(f"Give what to take back: {', '.join(of_grants().types)}")
        session = self._get_session(_selectors(values))
        with atomic():
            session.revoke_access(wanted, actor=self.auth.actor)
            if left := remaining_grant_types(session, wanted):
                raise SeamError(
                    "invalid_options", f"Another grant leads there too; name it as well: {', '.join(left)}."
                )
        return self._session_response(session)

    def list(self, request: Request) -> Response:
        values = LIST.read(request)
        sessions = self._sessions().unrevoked()
        if "client_session_id" in values:
            sessions = sessions.filter(pk__in=_ids(values["client_session_id"]))
        if "user_identifier_key" in values:
            sessions = sessions.filter(user_identifier_key=values["user_identifier_key"])
        if values.get("without_user_identifier_key"):
            sessions = sessions.filter(user_identifier_key=None)
        for resource_type in ("connect_webview", "user_identity"):
            if (name := f"{resource_type}_id") in values:
                sessions = _with_grant(sessions, resource_type, values[name])
        return self._list_response(_with_wire_fields(sessions), request, values)

    def revoke(self, request: Request) -> Response:
        values = ONE.read(request)
        # The row is read only if there is nothing to revoke, to tell a revoked session from an unknown one.
        for id in _ids(values["client_session_id"]):
            if ClientSession(pk=id, workspace=self.auth.workspace).revoke(actor=self.auth.actor):
                return self.ok()
        self._get_session(values)
        return self.ok()

    def destroy(self, request: Request) -> Response:
        if not self._get_session(ONE.read(request)).remove(actor=self.auth.actor):
            raise SeamError("client_session_not_found")
        return self.ok()

    def _sessions(self) -> ClientSessionQuerySet:
        """Return the sessions of the caller's workspace."""
        return ClientSession.objects.in_workspace(self.auth.workspace)

    def _get_session(self, selectors: dict[str, str]) -> ClientSession:
        """Return the session that matches all selectors. Raise SeamError if there is no match or no selector."""
        workspace_id, session = self.auth.workspace_id, None
        ids = _ids(selectors["client_session_id"]) if "client_session_id" in selectors else None
        if "user_identifier_key" in selectors:
            session = ClientSession.of_key(selectors["user_identifier_key"], workspace_id=workspace_id)
        elif ids:
            session = ClientSession.of_id(*ids, workspace_id=workspace_id)
        if session is None or (ids is not None and session.pk not in ids):
            raise SeamError("client_session_not_found")
        return session

    def _get_session_to_change(self, values: dict[str, Any]) -> ClientSession:
        """Return the session to grant to. If both selectors are given, the id selects it and it gets the key."""
        selector, *_ = selectors = _selectors(values)
        return self._get_session({selector: selectors[selector]})

    def _request_of(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of ``start`` for these parameters."""
        return {
            "workspace": self.auth.workspace,
            "actor": self.auth.actor,
            "user_identifier_key": values.get("user_identifier_key"),
            "expires_at": values.get("expires_at"),
            "wanted": _wanted(values),
            "terms": _terms(values),
        }

    def _check_publishable(self, values: dict[str, Any], *, missing_key_status: int) -> dict[str, Any]:
        """Check the parameters of a publishable key: it may create an empty session with a user identifier key. The
        lifetime of the policy limits ``expires_at``. Raise SeamError."""
        if not (values.get("user_identifier_key") or "").strip():
            raise SeamError("publishable_key_requires_user_identifier_key", status=missing_key_status)
        if set(values) & {*of_grants().declared, "customer_key", "customer_id"}:
            raise SeamError("publishable_keys_must_create_empty_client_sessions")
        policy = ClientSessionPolicy.of(self.auth.workspace)
        if len(values["user_identifier_key"]) < (shortest := policy.user_identifier_key_min_length):
            raise invalid("user_identifier_key", f"String must contain at least {shortest} character(s)")
        if "expires_at" in values:
            values["expires_at"] = min(values["expires_at"], timezone.now() + policy.lifetime)
        return values

    def _start_or_get(self, values: dict[str, Any]) -> ClientSession:
        """Create a session, or return the one with this key. Of an existing one, only the token key may change."""
        try:
            return ClientSession.objects.start(**self._request_of(values))
        except KeyTaken as taken:
            if taken.holder is None:
                raise
            taken.holder.renew_token(actor=self.auth.actor, at=timezone.now())
            return taken.holder

    def _list_response(self, sessions: ClientSessionQuerySet, request: Request, values: dict[str, Any]) -> Response:
        """Return all sessions, or a page if page parameters are given. Raise SeamError for more than MOST_LISTED."""
        if set(values) & set(PAGE_PARAMETERS):
            page = page_of(sessions, request, values, auth=self.auth)
            return self.ok(
                client_sessions=[_listed(each) for each in page.rows],
                pagination=page.pagination,
            )
        found = list(sessions.order_by("created_at", "id")[: MOST_LISTED + 1])
        if len(found) > MOST_LISTED:
            Validation.refuse(
                f"More than {MOST_LISTED} client sessions match: narrow the list, or give limit and page_cursor"
            )
        return self.ok(client_sessions=[_listed(each) for each in found])

    def _session_response(self, session: ClientSession) -> Response:
        """Return a session that was read or changed with its grants."""
        return self.ok(client_session=loaded_client_session(session))

    def _stored_session_response(self, id: UUID | None = None) -> Response:
        """Return the session as it is stored now. Raise SeamError if the workspace has no session with this id."""
        found = id and stored_client_session(id, workspace_id=self.auth.workspace_id)
        if not found:
            raise SeamError("client_session_not_found")
        return self.ok(client_session=found)


def _selects_only(session: ClientSession, selectors: dict[str, str]) -> bool:
    """Return True if there is no selector, or one that matches this session."""
    id, key = selectors.get("client_session_id"), selectors.get("user_identifier_key")
    is_own = (id is None or _ids(id) == [session.pk]) and (key is None or key == session.user_identifier_key)
    return is_own and len(selectors) <= 1


def _selectors(values: dict[str, Any]) -> dict[str, str]:
    """Return the selectors of a session, the id first. Raise SeamError if there is none."""
    selectors: dict[str, str] = {
        name: values[name] for name in ("client_session_id", "user_identifier_key") if name in values
    }
    if not selectors:
        Validation.refuse("Give client_session_id or user_identifier_key")
    return selectors


def _with_wire_fields(sessions: ClientSessionQuerySet) -> ClientSessionQuerySet:
    """Load everything that the JSON representation needs, in two queries for any number of sessions."""
    now = timezone.now()
    return with_device_count(sessions, at=now).prefetch_related(Prefetch("grants", Grant.objects.live(at=now)))


def _listed(session: Any) -> dict[str, Any]:
    return client_session_object(session, session.grants.all(), device_count=session.device_count)


def _with_grant(sessions: ClientSessionQuerySet, resource_type: str, resource_id: str | None) -> ClientSessionQuerySet:
    """Filter sessions with a grant of this resource or, for None, without any grant of the type."""
    if resource_id is None:
        return sessions.without_grant(resource_type, at=timezone.now())
    stored_ids = resources.valid_ids(resource_type, [resource_id])
    return sessions.granted(resource_type, stored_ids[0], at=timezone.now()) if stored_ids else sessions.none()


def _wanted(values: dict[str, Any]) -> dict[str, list[str]]:
    """Return the granted ids by resource type. Raise SeamError if two parameters contradict each other."""
    wanted: dict[str, list[str]] = {}
    for name, resource_type in of_grants().types.items():
        if name in values:
            ids = values[name] if isinstance(values[name], list) else [values[name]]
            if wanted.setdefault(resource_type, ids) != ids:
                raise invalid(name, "It names another one than user_identity_id does")
    return wanted


def _terms(values: dict[str, Any]) -> Terms:
    """Return the terms of the grants. Raise SeamError if their end is in the past."""
    if "actions" not in values and "access_expires_at" not in values:
        return ALL
    until = values.get("access_expires_at")
    if until is not None and until <= timezone.now():
        raise invalid("access_expires_at", "It is past")
    return Terms(actions=values.get("actions", tuple(Action)), until=until)


def _key_from_headers(request: Request) -> dict[str, Any]:
    for header in KEY_HEADERS:
        if key := request.headers.get(header):
            return Parameters(user_identifier_key=Text()).read_values({"user_identifier_key": key})
    return {}


def _ids(text: str) -> list[UUID]:
    """Return the id as a list, which is empty if the text is not a UUID."""
    try:
        return [UUID(text)]
    except ValueError:
        return []
