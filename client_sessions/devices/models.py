"""Customers, user identities, Connect Webviews, connected accounts and devices.

Each row belongs to one workspace and refers only to rows of that workspace; ``clean`` checks this in admin forms.
"""

import uuid
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from client_sessions import resources
from client_sessions.models import ClientSession, Grant, NotLive
from sessions_core.db.transactions import atomic
from sessions_core.labels import WORKSPACE
from sessions_core.models import Workspace
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_TEXT

__all__ = ["ConnectWebview", "ConnectedAccount", "Customer", "Device", "UserIdentity"]

M = TypeVar("M", bound="Resource")


class ResourceQuerySet(models.QuerySet[M]):
    def in_workspace(self, workspace: Workspace) -> "ResourceQuerySet[M]":
        return self.filter(workspace=workspace)


class Resource(models.Model):
    """Base of all resources."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", verbose_name=WORKSPACE)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        abstract = True
        ordering = ("created_at", "id")

    def clean(self) -> None:
        for field in self._meta.concrete_fields:
            related = getattr(self, field.name, None) if field.is_relation else None  # a form may omit it
            if isinstance(related, Resource) and related.workspace_id != self.workspace_id:
                raise ValidationError(
                    {field.name: _("This object belongs to another workspace.")}, code="other_workspace"
                )


class Customer(Resource):
    """A customer of the workspace, identified by a key that the workspace chooses."""

    key = models.CharField(pgettext_lazy("Gatepass", "key"), max_length=200)
    name = models.CharField(pgettext_lazy("Gatepass", "name"), max_length=200, blank=True)

    objects = ResourceQuerySet["Customer"].as_manager()

    class Meta(Resource.Meta):
        verbose_name = pgettext_lazy("Gatepass", "customer")
        verbose_name_plural = pgettext_lazy("Gatepass", "customers")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="client_sessions_devices_customer_key_is_unique")
        ]
        indexes = [models.Index(fields=["key", "workspace"], name="client_sessions_devices_cust")]

    def __str__(self) -> str:
        return self.name or self.key


class ConnectedAccount(Resource):
    """An account at a device maker, which has devices."""

    customer = models.ForeignKey(
        Customer,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="connected_accounts",
        verbose_name=pgettext_lazy("Gatepass", "customer"),
    )
    account_type = models.CharField(_("account type"), max_length=60, default="august")
    display_name = models.CharField(_("display name"), max_length=200)
    email = models.EmailField(_("email address"), blank=True)
    automatically_manages_new_devices = models.BooleanField(_("automatically manages new devices"), default=True)
    custom_metadata = models.JSONField(_("custom metadata"), default=dict, blank=True)

    objects = ResourceQuerySet["ConnectedAccount"].as_manager()

    class Meta(Resource.Meta):
        verbose_name = _("connected account")
        verbose_name_plural = _("connected accounts")
        indexes = [models.Index(fields=["workspace", "created_at", "id"], name="client_sessions_devices_acct")]

    def __str__(self) -> str:
        return self.display_name

    def remove(self) -> None:
        """Delete the account with its devices. Locks them and the sessions that reach them first."""
        with atomic():
            # Lock rows before sessions, like grants do.
            list(ConnectedAccount.objects.select_for_update().filter(pk=self.pk))
            devices = list(self.devices.select_for_update().order_by("pk").values_list("pk", flat=True))
            grants = Grant.objects.for_resources("connected_account", [self.pk]) | Grant.objects.for_resources(
                "device", devices
            )
            ClientSession.objects.lock_for(grants)
            self.delete()


class ConnectWebview(Resource):
    """A page on which a user authorizes an account. A grant of the webview then leads to that account."""

    class DeviceSelection(models.TextChoices):
        NONE = "none", pgettext_lazy("device selection", "None")
        SINGLE = "single", pgettext_lazy("device selection", "Single")
        MULTIPLE = "multiple", pgettext_lazy("device selection", "Multiple")

    connected_account = models.ForeignKey(
        ConnectedAccount,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="connect_webviews",
        verbose_name=_("connected account"),
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("Gatepass", "customer"),
    )
    authorized_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_providers = models.JSONField(default=list, blank=True)
    accepted_capabilities = models.JSONField(default=list, blank=True)
    device_selection_mode = models.CharField(
        max_length=8,
        choices=DeviceSelection,
        default=DeviceSelection.NONE,
        help_text=_("Stored and returned, but not used."),
    )
    automatically_manages_new_devices = models.BooleanField(default=True)
    waits_for_device_creation = models.BooleanField(default=False)
    custom_redirect_url = models.CharField(_("custom redirect URL"), max_length=LONGEST_TEXT, blank=True)
    custom_redirect_failure_url = models.CharField(
        _("custom redirect failure URL"), max_length=LONGEST_TEXT, blank=True
    )
    custom_metadata = models.JSONField(default=dict, blank=True)

    objects = ResourceQuerySet["ConnectWebview"].as_manager()

    class Meta(Resource.Meta):
        verbose_name = _("Connect Webview")
        verbose_name_plural = _("Connect Webviews")
        indexes = [models.Index(fields=["workspace", "created_at", "id"], name="client_sessions_devices_view")]

    def __str__(self) -> str:
        return gettext("webview %(id)s") % {"id": self.id}

    @property
    def status(self) -> str:
        """``pending`` until an account is connected, then ``authorized``."""
        return "authorized" if self.authorized_at or self.connected_account_id else "pending"

    def authorize(self, account: ConnectedAccount, *, at: datetime | None = None) -> bool:
        """Connect the account, and grant it to each live session with a grant of the webview, with the same terms.

        Return False if the webview is already authorized. Raise resources.Missing for an account of another workspace.
        """
        if account.workspace_id != self.workspace_id:
            raise resources.Missing("connected_account", account.pk)
        at = moment(at)
        undecided = ConnectWebview.objects.filter(pk=self.pk, authorized_at=None, connected_account=None)
        with atomic():
            if not undecided.update(connected_account=account, authorized_at=at):
                return False
            wanted = {"connected_account": [str(account.pk)]}
            grants = Grant.objects.live(at=at).for_resources("connect_webview", [self.pk])
            # Lock the row before sessions, like grants do.
            list(ConnectedAccount.objects.select_for_update(no_key=True).filter(pk=account.pk))
            ClientSession.objects.lock_for(grants)
            for grant in grants.select_related("client_session__workspace"):
                for terms in grant.terms:
                    with suppress(NotLive):
                        grant.client_session.grant(wanted, terms=terms, actor=f"connect_webview:{self.pk}", at=at)
        self.connected_account, self.authorized_at = account, at
        return True


class Device(Resource):
    """A device of an account, such as a lock or a thermostat."""

    connected_account = models.ForeignKey(
        ConnectedAccount, on_delete=models.CASCADE, related_name="devices", verbose_name=_("connected account")
    )
    device_type = models.CharField(_("device type"), max_length=60, default="august_lock")
    name = models.CharField(pgettext_lazy("Gatepass", "name"), max_length=200)
    manufacturer = models.CharField(pgettext_lazy("Gatepass", "manufacturer"), max_length=100, default="august")
    model_name = models.CharField(pgettext_lazy("device", "model"), max_length=100, blank=True)
    is_online = models.BooleanField(pgettext_lazy("Gatepass", "online"), default=True)
    is_locked = models.BooleanField(
        pgettext_lazy("Gatepass", "locked"),
        null=True,
        blank=True,
        help_text=_("Leave it unknown for a device that is not a lock."),
    )
    capabilities = models.JSONField(pgettext_lazy("Gatepass", "capabilities"), default=list, blank=True)
    custom_metadata = models.JSONField(_("custom metadata"), default=dict, blank=True)

    objects = ResourceQuerySet["Device"].as_manager()

    class Meta(Resource.Meta):
        verbose_name = pgettext_lazy("Gatepass", "device")
        verbose_name_plural = pgettext_lazy("Gatepass", "devices")
        indexes = [models.Index(fields=["workspace", "created_at", "id"], name="client_sessions_devices_dev")]

    def __str__(self) -> str:
        return self.name


class UserIdentity(Resource):
    """A person, who may have access to single devices."""

    key = models.CharField(pgettext_lazy("Gatepass", "key"), max_length=200, null=True, blank=True)  # noqa: DJ001  (no key is not "")
    email_address = models.EmailField(_("email address"), blank=True)
    phone_number = models.CharField(_("phone number"), max_length=40, blank=True)
    full_name = models.CharField(_("full name"), max_length=200, blank=True)
    devices = models.ManyToManyField(
        Device, blank=True, related_name="user_identities", verbose_name=pgettext_lazy("Gatepass", "devices")
    )

    objects = ResourceQuerySet["UserIdentity"].as_manager()

    class Meta(Resource.Meta):
        verbose_name = _("user identity")
        verbose_name_plural = _("user identities")
        indexes = [
            models.Index(fields=["workspace", "created_at", "id"], name="client_sessions_devices_person"),
            models.Index(fields=["key", "workspace"], name="client_sessions_devices_pkey"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "key"], name="client_sessions_devices_user_identity_key_is_unique"
            ),
            models.CheckConstraint(
                condition=~models.Q(key=""), name="client_sessions_devices_user_identity_key_is_not_blank"
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.key or str(self.id)
