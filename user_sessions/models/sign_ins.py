"""A sign-in attempt: the user a caller claims to be, until they authenticate."""

from collections.abc import Iterable
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
from user_sessions.models.voiding import FINGERPRINTS_LENGTH, fingerprint_of

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
        replaced = [field.name for field in SignIn._meta.concrete_fields if not field.primary_key]
        self.bulk_create([attempt], update_conflicts=True, unique_fields=["client"], update_fields=replaced)
        client.has_open_sign_in = True
        return attempt


class SignIn(models.Model):
    """At most one row for each client: the latest attempt."""

    class Status(models.TextChoices):
        NEEDS_FIRST_FACTOR = "needs_first_factor"
        NEEDS_SECOND_FACTOR = "needs_second_factor"
        COMPLETE = "complete"
        ABANDONED = "abandoned"

    client = models.OneToOneField(Client, on_delete=models.CASCADE, primary_key=True, related_name="sign_in")
    id = models.CharField(max_length=40, unique=True, editable=False)
    user = models.ForeignKey(django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    identifier = models.CharField(max_length=255, blank=True, editable=False)
    created_session = models.ForeignKey("UserSession", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(editable=False)
    # Set while a second factor is missing: when the password was correct, its digest, and what the user can enter.
    first_factor_verified_at = models.DateTimeField(null=True, editable=False)
    password_fingerprint = models.CharField(max_length=FINGERPRINTS_LENGTH, blank=True, editable=False)
    second_factors = models.JSONField(default=list, editable=False)

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in attempt")
        verbose_name_plural = _("sign-in attempts")
        indexes = [models.Index(fields=["created_at", "client"], name="user_sessions_sign_in_age")]

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
        if self.abandon_at <= at:
            return SignIn.Status.ABANDONED
        is_second = self.first_factor_verified_at is not None
        return SignIn.Status.NEEDS_SECOND_FACTOR if is_second else SignIn.Status.NEEDS_FIRST_FACTOR

    def ask_for_second_factor(self, user: Any, factors: Iterable[str], *, at: datetime) -> bool:
        """Record the correct password of this instance of the user, who must now enter one of ``factors``.

        Return False if the attempt is complete, or another one replaced it.
        """
        return self._leave(
            None,
            first_factor_verified_at=moment(at),
            password_fingerprint=fingerprint_of(user),
            second_factors=list(factors),
        )

    def complete(self, session: "UserSession") -> bool:
        """Link the session that this attempt started. Return False if the attempt is complete, or another replaced it.

        Nothing of the first factor stays: if the session is deleted, the attempt needs the password again.
        """
        return self._leave(
            self.first_factor_verified_at,
            created_session=session,
            first_factor_verified_at=None,
            password_fingerprint="",
            second_factors=[],
        )

    def _leave(self, verified_at: datetime | None, **changes: Any) -> bool:
        """Change the row if it still has this state. Return True if it had."""
        here = SignIn.objects.filter(id=self.id, created_session=None, first_factor_verified_at=verified_at)
        if not here.update(**changes):
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        return True


_OF_CLIENT = CompiledQuery(
    SignIn,
    lambda client: SignIn.objects.filter(client=client).select_related("user").order_by(),
    client=str,
)
