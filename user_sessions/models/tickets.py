"""Tickets: tokens for one sign-in, issued by a backend. A sign-in token signs the user in; an actor token starts an
impersonation of the user.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings as django_settings
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.arguments import require_instance, require_user
from sessions_core.db.transactions import atomic
from sessions_core.labels import USER, WORKSPACE
from sessions_core.models import Event, Workspace
from sessions_core.moments import duration, moment
from sessions_core.texts import reason_data
from user_sessions.exceptions import NotPending, TicketExpired
from user_sessions.ids import new_id
from user_sessions.models import admission
from user_sessions.models.epochs import Epoch
from user_sessions.models.json_text import IMPERSONATOR, JsonTextField, require_impersonator
from user_sessions.models.voiding import FINGERPRINTS_LENGTH, binds, fingerprint_of

__all__ = ["Ticket"]


class TicketQuerySet(models.QuerySet["Ticket"]):
    def with_status_facts(self) -> Self:
        """Add what ``status_at`` needs of epochs. It also reads the user."""
        epochs = Epoch.objects.filter(workspace=OuterRef("workspace"), not_before__gte=OuterRef("created_at"))
        return self.annotate(had_epoch=Exists(epochs.order_by()))

    @atomic()
    def issue(
        self,
        workspace: Workspace,
        user: Any,
        *,
        actor: str,
        lifetime: timedelta,
        impersonator: dict[str, Any] | None = None,
        session_lifetime: timedelta | None = None,
        reason: str = "",
        at: datetime | None = None,
    ) -> "Ticket":
        """Issue a ticket for one sign-in as the user, for an impersonation if ``impersonator`` is given.

        Raise UserInactive or ImpersonationRefused.
        """
        duration(lifetime, name="lifetime")
        given = reason_data(reason)
        if session_lifetime is not None:
            duration(session_lifetime, name="session_lifetime")
        require_instance(workspace, Workspace, name="workspace")
        require_user(user)
        if impersonator is not None:
            require_impersonator(impersonator)
        locked = admission.lock(user, impersonating=impersonator is not None)
        at = moment(at)
        kind = Ticket.Kind.SIGN_IN_TOKEN if impersonator is None else Ticket.Kind.ACTOR_TOKEN
        ticket = self.create(
            id=new_id(PREFIXES[kind], at=at),
            kind=kind,
            workspace=workspace,
            user=user,
            impersonator=impersonator,
            session_lifetime=session_lifetime,
            password_fingerprint=fingerprint_of(locked),
            created_at=at,
            updated_at=at,
            expire_at=at + lifetime,
        )
        ticket._record("created", actor=actor, at=at, **given)
        return ticket

    def revoke(self, *, actor: str, at: datetime | None = None) -> int:
        """Revoke the pending tickets. Return how many were revoked."""
        at, revoked = moment(at), 0
        for ticket in self.filter(stored_status=Ticket.Status.PENDING):
            with suppress(NotPending):
                ticket.revoke(actor=actor, at=at)
                revoked += 1
        return revoked


class Ticket(models.Model):
    """``stored_status`` stores transitions only. ``status`` and ``status_at`` also derive expiry."""

    class Kind(models.TextChoices):
        SIGN_IN_TOKEN = "sign_in_token", _("Sign-in token")
        ACTOR_TOKEN = "actor_token", _("Actor token")

    class Status(models.TextChoices):
        PENDING = "pending", pgettext_lazy("ticket", "Pending")
        ACCEPTED = "accepted", pgettext_lazy("ticket", "Accepted")
        REVOKED = "revoked", pgettext_lazy("ticket", "Revoked")
        # Derived
        EXPIRED = "expired", pgettext_lazy("ticket", "Expired")

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    kind = models.CharField(pgettext_lazy("Gatepass", "kind"), max_length=13, choices=Kind, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="user_sessions_tickets", verbose_name=WORKSPACE
    )
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=USER
    )
    stored_status = models.CharField(
        _("stored status"), max_length=8, choices=Status.choices[:-1], default=Status.PENDING, editable=False
    )
    impersonator = JsonTextField(IMPERSONATOR, null=True, blank=True, editable=False)
    session_lifetime = models.DurationField(_("session lifetime"), null=True, blank=True, editable=False)
    password_fingerprint = models.CharField(max_length=FINGERPRINTS_LENGTH, editable=False)
    created_at = models.DateTimeField(_("created at"), editable=False)
    updated_at = models.DateTimeField(_("updated at"), editable=False)
    expire_at = models.DateTimeField(_("expires at"), editable=False)

    objects = TicketQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("Gatepass", "ticket")
        verbose_name_plural = pgettext_lazy("Gatepass", "tickets")
        ordering = ("-created_at", "-id")
        permissions = [("impersonate_ticket", "Can impersonate users")]  # of operators in the console
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="user_sessions_ticket_page")]

    def __str__(self) -> str:
        return self.pk

    @property
    def status(self) -> Status:
        """Return the current status."""
        return self.status_at(timezone.now())

    def status_at(self, at: datetime) -> Status:
        """Return the status at this moment.

        A pending ticket expires at ``expire_at``, with an epoch, or when the user's password changes.
        """
        at, stored = moment(at), Ticket.Status(self.stored_status)
        if stored != Ticket.Status.PENDING:
            return stored
        had_epoch = vars(self).get("had_epoch")  # of a row ``with_status_facts()``
        is_too_old = self._is_too_old(at) if had_epoch is None else had_epoch or self.expire_at <= at
        is_usable = self._has_password_of(self.user) and not is_too_old
        return stored if is_usable else Ticket.Status.EXPIRED

    def revoke(self, *, actor: str, at: datetime | None = None) -> None:
        """Revoke the ticket. Raise NotPending."""
        self._leave_pending(Ticket.Status.REVOKED, actor=actor, at=moment(at))

    @atomic()
    def accept(self, *, actor: str, at: datetime | None = None) -> None:
        """Use the ticket, inside the transaction of the sign-in. Of concurrent calls one succeeds.

        Raise TicketExpired (also after an epoch or a password change), NotPending or UserInactive.
        """
        at = moment(at)
        self.require_pending(at=at)
        self._require_password_of(admission.lock(self.user))  # lock the user before the ticket, as a deactivation does
        self._leave_pending(Ticket.Status.ACCEPTED, actor=actor, at=at)

    def require_pending(self, *, at: datetime) -> None:
        """Raise TicketExpired or NotPending if the ticket cannot be used."""
        if self._is_too_old(moment(at)):
            raise TicketExpired
        if self.stored_status != Ticket.Status.PENDING:
            raise NotPending
        self._require_password_of(self.user)

    def _record(self, happened: str, *, actor: str, at: datetime, **more: str) -> None:
        facts = {"user": str(self.user_id), **({"impersonator": self.impersonator} if self.impersonator else {})} | more
        Event.objects.record(
            f"{self.kind}.{happened}", subject=self.pk, workspace_id=self.workspace_id, actor=actor, at=at, **facts
        )

    def _is_too_old(self, at: datetime) -> bool:
        epochs = Epoch.objects.filter(workspace=self.workspace_id, not_before__gte=self.created_at)
        return self.expire_at <= at or epochs.exists()

    def _has_password_of(self, user: Any) -> bool:
        return not binds() or fingerprint_of(user) in self.password_fingerprint

    def _require_password_of(self, user: Any) -> None:
        if not self._has_password_of(user):
            raise TicketExpired

    @atomic()
    def _leave_pending(self, status: Status, *, actor: str, at: datetime) -> None:
        pending = Ticket.objects.filter(pk=self.pk, stored_status=Ticket.Status.PENDING)
        if not pending.update(stored_status=status, updated_at=at):
            raise NotPending
        self._record(status, actor=actor, at=at)
        self.stored_status, self.updated_at = status, at


PREFIXES = {Ticket.Kind.SIGN_IN_TOKEN: "sit", Ticket.Kind.ACTOR_TOKEN: "act"}
