"""A sign-in attempt: the user a caller claims to be, until they authenticate."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sessions_core.db.compiled import CompiledQuery
from sessions_core.moments import moment
from user_sessions.ids import new_id
from user_sessions.models.clients import Client

if TYPE_CHECKING:
    from user_sessions.models.sessions import UserSession

__all__ = ["SignIn"]

LIFETIME = timedelta(days=1)


class SignInQuerySet(models.QuerySet["SignIn"]):
    def begin(self, client: Client, user: Any, identifier: str, *, at: datetime) -> "SignIn":
        """Begin an attempt, which replaces an earlier one of the client.

        ``identifier`` is what the user typed, empty for a ticket.
        """
        attempt = SignIn(client=client, id=new_id("sia", at=at), user=user, identifier=identifier, created_at=at)
        replaced = ["id", "user", "identifier", "created_session", "created_at"]
        self.bulk_create([attempt], update_conflicts=True, unique_fields=["client"], update_fields=replaced)
        return attempt


class SignIn(models.Model):
    """At most one row for each client: the latest attempt."""

    class Status(models.TextChoices):
        NEEDS_FIRST_FACTOR = "needs_first_factor"
        COMPLETE = "complete"
        ABANDONED = "abandoned"

    client = models.OneToOneField(Client, on_delete=models.CASCADE, primary_key=True, related_name="sign_in")
    id = models.CharField(max_length=40, unique=True, editable=False)
    user = models.ForeignKey(django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    identifier = models.CharField(max_length=255, blank=True, editable=False)
    created_session = models.ForeignKey("UserSession", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(editable=False)

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in attempt")
        verbose_name_plural = _("sign-in attempts")

    def __str__(self) -> str:
        return self.id

    @classmethod
    def of_client(cls, client: Client) -> "SignIn | None":
        """Return the latest attempt on a client: one query."""
        return _OF_CLIENT.get(client=client.pk)

    @property
    def abandon_at(self) -> datetime:
        return self.created_at + LIFETIME

    @property
    def status(self) -> Status:
        """Return the current status."""
        return self.status_at(timezone.now())

    def status_at(self, at: datetime) -> Status:
        at = moment(at)
        if self.created_session_id is not None:
            return SignIn.Status.COMPLETE
        return SignIn.Status.ABANDONED if self.abandon_at <= at else SignIn.Status.NEEDS_FIRST_FACTOR

    def complete(self, session: "UserSession") -> None:
        """Link the session that this attempt started."""
        SignIn.objects.filter(id=self.id).update(created_session=session)
        self.created_session = session


_OF_CLIENT = CompiledQuery(
    SignIn,
    lambda client: SignIn.objects.filter(client=client).select_related("user").order_by(),
    client=str,
)
