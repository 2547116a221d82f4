"""The client: one browser or app installation, which may hold several user sessions."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.crypto.token_keys import TokenKeyField
from sessions_core.crypto.tokens import newest_key_id, random_text
from sessions_core.db.compiled import CompiledQuery, CompiledUpdate
from sessions_core.db.returning import insert
from sessions_core.db.transactions import atomic, require_transaction
from sessions_core.labels import WORKSPACE
from sessions_core.models import AllowedOrigin, Event, Workspace
from sessions_core.models.policies import with_policies
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_ACTOR, printable, text
from user_sessions.exceptions import StaleClient
from user_sessions.ids import new_id
from user_sessions.models.policies import UserSessionPolicy
from user_sessions.models.status import Status

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["CLIENT", "Client"]

CLIENT = pgettext_lazy("Gatepass", "client")

# Characters of base58: 58 bits. A rotation identifies a generation of the token; it is not a secret.
ROTATION_LENGTH = 10

# Characters of the name that a user gives a device.
LONGEST_NAME = 60


class ClientQuerySet(models.QuerySet["Client"]):
    def begin(self, workspace: Workspace, *, at: datetime) -> "Client":
        client = Client._new(workspace, at=at)
        insert([client])
        return client

    def live(self, *, at: datetime | None = None) -> Self:
        """Return the clients that have a live session at this moment, or now."""
        sessions: Any = self.model._meta.get_field("sessions").related_model
        live = sessions._default_manager.live(at=at)
        return self.filter(Exists(live.filter(client=OuterRef("pk"))))

    @atomic()
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the clients and their sessions. Live sessions are revoked first, so that events report their end."""
        sessions: Any = self.model._meta.get_field("sessions").related_model
        chosen = sessions._default_manager.filter(client__in=self.order_by().values("pk"))
        chosen.revoke(actor="system:client_deleted", reason="client_deleted")
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # as in Django, so that templates cannot call it
    delete.queryset_only = True  # type: ignore[attr-defined]  # not of the manager


class Client(models.Model):
    """The client's token is derived from ``rotation`` and ``token_key``. A new ``rotation`` invalidates the old one."""

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="user_sessions_clients", verbose_name=WORKSPACE
    )
    last_active_session = models.ForeignKey(
        "UserSession",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("last active session"),
    )
    name = models.CharField(
        pgettext_lazy("Gatepass", "name"),
        max_length=LONGEST_NAME,
        blank=True,
        editable=False,
        help_text=_("The name that a user gave the device."),
    )
    rotation = models.CharField(max_length=ROTATION_LENGTH, editable=False)
    token_key = TokenKeyField(
        max_length=8, editable=False, help_text=_("ID of the key of TOKEN_KEYS from which the token is derived.")
    )
    created_at = models.DateTimeField(_("created at"), editable=False)
    updated_at = models.DateTimeField(_("updated at"), editable=False)

    objects = ClientQuerySet.as_manager()

    # Set by ``of_id``: True if the workspace lists the given origin.
    lists_origin: bool

    # ``of_id`` sets False if no sign-in attempt is open on the client.
    has_open_sign_in = True

    class Meta:
        verbose_name = CLIENT
        verbose_name_plural = pgettext_lazy("Gatepass", "clients")
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="user_sessions_client_page")]

    def __str__(self) -> str:
        return self.pk

    @classmethod
    def of_id(cls, id: str, *, origin: str) -> "Client | None":
        """Return the client with its workspace, and set ``lists_origin`` and ``has_open_sign_in``: one query."""
        return _BY_ID.get(id=id, origin=origin)

    @classmethod
    def _new(cls, workspace: Workspace, *, at: datetime) -> "Client":
        """Return a client that is not stored yet."""
        return cls(id=new_id("client", at=at), workspace=workspace, created_at=at, updated_at=at, **_new_generation())

    def hold(self) -> None:
        """Lock the row until the transaction ends. Lock the client before its sessions, to avoid deadlocks.

        Raise StaleClient, and TransactionManagementError outside a transaction.
        """
        require_transaction()
        if _LOCKED.get(id=self.pk, rotation=self.rotation) is None:
            raise StaleClient

    def _select(self, session: "UserSession", *, at: datetime) -> None:
        """Make this live session the one in use, and renew the token: a token that an attacker planted or copied before
        does not give access to the new user. Raise StaleClient."""
        self.renew(at=at, last_active_session_id=session.pk)

    def renew(self, *, at: datetime, **changes: Any) -> None:
        """Give the client a new token; the old one is invalid at once.

        Raise StaleClient if the row has another ``rotation`` than this instance: of two concurrent calls one succeeds.
        """
        update = _SELECT if changes else _RENEW
        changes |= {**_new_generation(), "updated_at": moment(at)}
        if not update.run(id=self.pk, presented=self.rotation, **changes):
            raise StaleClient
        for name, value in changes.items():
            setattr(self, name, value)

    @atomic()
    def rename(self, name: str, *, actor: str, at: datetime | None = None) -> bool:
        """Give the device a name: 60 characters that can be shown, or none. Return True if that changed it.

        Characters that cannot be shown are dropped, and the name is cut. The event does not contain it.
        """
        given: object = name
        if not isinstance(given, str):
            raise ValueError("name must be text.")
        name, at = printable(given, longest=LONGEST_NAME), moment(at)
        happened = Client.objects.filter(pk=self.pk).exclude(name=name).update(name=name, updated_at=at)
        if happened:
            Event.objects.record("client.renamed", subject=self.pk, workspace_id=self.workspace_id, actor=actor, at=at)
            self.name, self.updated_at = name, at
        return bool(happened)

    @atomic()
    def sign_out(self, *, actor: str, at: datetime) -> None:
        """Remove every session. Renew the client's token if one was an impersonation. Raise StaleClient."""
        self.hold()
        was_impersonated = self.sessions.live(at=at).filter(impersonator__isnull=False).exists()
        self.sessions.all().close(Status.REMOVED, actor=actor, at=at)
        if was_impersonated:
            self.renew(at=at)

    @atomic()
    def close(self, *, actor: str, at: datetime) -> None:
        """Sign every user out and invalidate the client's token; no caller receives the new one. Raise StaleClient."""
        text(actor, name="actor", longest=LONGEST_ACTOR)
        self.renew(at=at, last_active_session_id=None)
        self.sessions.all().close(Status.REMOVED, actor=actor, at=at)

    @property
    def actor(self) -> str:
        """Return the name of this client in events."""
        return f"client:{self.pk}"

    def listed_sessions(self, sessions: "Iterable[UserSession]", *, at: datetime) -> "list[UserSession]":
        """Return the sessions that the client still lists: all but removed and abandoned ones.

        A revoked session stays listed, so that an account switcher can show it, except in single session mode.
        """
        is_single = UserSessionPolicy.of(self.workspace).single_session_mode
        hidden = {Status.REMOVED, Status.ABANDONED, *([Status.REVOKED] if is_single else [])}
        return [session for session in sessions if session.status_at(at) not in hidden]

    def active_among(self, sessions: "Iterable[UserSession]", *, at: datetime) -> "UserSession | None":
        """Return the session in use: the selected one or, if it is over, the most recently active live one."""
        live = [session for session in sessions if session.is_usable(at)]
        selected = [session for session in live if session.pk == self.last_active_session_id]
        return next(iter(selected), max(live, key=lambda session: session.last_active_at, default=None))


def _new_generation() -> dict[str, str]:
    return {"rotation": random_text(ROTATION_LENGTH), "token_key": newest_key_id()}


def _find(id: str, origin: str) -> models.QuerySet[Client]:
    listed = AllowedOrigin.objects.filter(workspace=OuterRef("workspace"), origin=Value(origin))
    clients = Client.objects.filter(pk=id).select_related(*with_policies("workspace", UserSessionPolicy)).order_by()
    attempts: Any = Client._meta.get_field("sign_in").related_model
    is_open = attempts._default_manager.filter(client=OuterRef("pk"), created_session=None)
    return clients.annotate(lists_origin=Exists(listed), has_open_sign_in=Exists(is_open))  # type: ignore[no-redef]


def _renewal(**changes: type) -> CompiledUpdate:
    """Return the update of a client that still has the presented rotation."""
    return CompiledUpdate(
        Client,
        lambda id, presented, **values: (Client.objects.filter(pk=id, rotation=presented), values),
        id=str,
        presented=str,
        rotation=str,
        token_key=str,
        updated_at=datetime,
        **changes,  # type: ignore[arg-type]  # not "returning" and not "depends_on"
    )


_BY_ID = CompiledQuery(Client, _find, id=str, origin=str)
_LOCKED = CompiledQuery(
    Client,
    lambda id, rotation: Client.objects.select_for_update(no_key=True).filter(pk=id, rotation=rotation).order_by(),
    id=str,
    rotation=str,
)
_RENEW, _SELECT = _renewal(), _renewal(last_active_session_id=str)
