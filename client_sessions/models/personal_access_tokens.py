"""Personal access tokens: credentials of a user for one or more workspaces."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sessions_core.crypto import tokens
from sessions_core.db.returning import update_returning
from sessions_core.db.transactions import atomic
from sessions_core.labels import USER
from sessions_core.models import Event, Workspace
from sessions_core.moments import moment
from sessions_core.texts import LONGEST_ACTOR, LONGEST_REASON, reason_data
from sessions_core.texts import text as check_text

# Characters
LONGEST_NAME = 200

PERSONAL_TOKEN = tokens.RandomKind("seam_at1")

# The kinds of caller with such a token: with a chosen workspace, and without one.
PERSONAL_ACCESS_TOKEN = "personal_access_token"
UNSCOPED_ACCESS_TOKEN = "personal_access_token_without_workspace"


class PersonalAccessTokenQuerySet(models.QuerySet["PersonalAccessToken"]):
    def usable(self) -> Self:
        return self.filter(revoked_at=None)

    def issue(
        self, user: Any, workspaces: Iterable[Workspace], *, name: str, actor: str
    ) -> tuple["PersonalAccessToken", str]:
        """Create a token of a user. Return the row and the token, which is not stored and cannot be read again."""
        check_text(name, name="name", longest=LONGEST_NAME)
        text = PERSONAL_TOKEN.new()
        short = PERSONAL_TOKEN.short_of(text)
        with atomic():
            token = self.create(user=user, name=name, short=short, digest=tokens.digest(text))
            token.workspaces.set(workspaces)
            token._record("personal_access_token.created", actor=actor)
        return token, text

    def revoke(self, *, actor: str, reason: str, at: datetime | None = None) -> int:
        """Revoke the usable tokens and record an event in each of their workspaces. Return their number. The number of
        queries does not depend on the number of tokens."""
        check_text(actor, name="actor", longest=LONGEST_ACTOR)
        check_text(reason, name="reason", longest=LONGEST_REASON)
        return self._revoke(actor=actor, reason=reason, at=moment(at))

    @atomic(savepoint=False)
    def _revoke(self, *, actor: str, reason: str, at: datetime) -> int:
        revoked = [id for (id,) in update_returning(self.usable(), ["id"], revoked_at=at)]
        places = PersonalAccessToken.workspaces.through._default_manager.filter(personalaccesstoken__in=revoked)
        rows = places.order_by("workspace").values_list("workspace", "personalaccesstoken__short")
        for workspace_id, of_one in groupby(rows if revoked else (), key=itemgetter(0)):
            subjects = [short for _, short in of_one]
            type = "personal_access_token.revoked"
            Event.objects.record_all(
                type, subjects=subjects, workspace_id=workspace_id, actor=actor, at=at, reason=reason
            )
        return len(revoked)

    def authenticate(self, text: str) -> "PersonalAccessToken | None":
        """Return the usable token, or None. The user must be active. One query; none if the text is malformed."""
        if not (short := PERSONAL_TOKEN.short_of(text)):
            return None
        token = self.usable().select_related("user").filter(short=short).first()
        return token if token and tokens.matches(text, token.digest) and token.user.is_active else None


class PersonalAccessToken(models.Model):
    """A credential of one user. A request with it uses one of its workspaces."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False, verbose_name=USER
    )
    workspaces = models.ManyToManyField(Workspace, related_name="+", editable=False)
    name = models.CharField(
        pgettext_lazy("Gatepass", "name"), max_length=LONGEST_NAME, help_text=_("Where the token is used.")
    )
    short = models.CharField(
        _("public part"), max_length=8, unique=True, editable=False, help_text=_("The public part of the token.")
    )
    digest = models.CharField(max_length=64, editable=False, help_text=_("SHA-256 of the token."))
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)

    objects = PersonalAccessTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("personal access token")
        verbose_name_plural = _("personal access tokens")
        ordering = ("-created_at", "id")
        permissions = [("revoke_personalaccesstoken", "Can revoke personal access token")]
        indexes = [models.Index(fields=["created_at", "id"], name="client_sessions_person_page")]

    def __str__(self) -> str:
        return f"{self.name} ({self.short}…)"

    def revoke(self, *, actor: str, reason: str = "", at: datetime | None = None) -> bool:
        """Revoke the token: the next request with it is refused. Return True if it was usable.

        ``reason`` is recorded, at most 200 characters.
        """
        at, because = moment(at), reason_data(reason)
        with atomic():
            alive = PersonalAccessToken.objects.filter(pk=self.pk, revoked_at=None)
            happened = alive.update(revoked_at=at)
            if happened:
                self._record("personal_access_token.revoked", actor=actor, at=at, **because)
                self.revoked_at = at
        return bool(happened)

    def _record(self, type: str, *, actor: str, at: datetime | None = None, **data: Any) -> None:
        """Record an event in each workspace of the token."""
        for workspace in self.workspaces.all():
            Event.objects.record(type, subject=self.short, workspace_id=workspace.pk, actor=actor, at=at, **data)


@dataclass(frozen=True)
class PersonalAccess:
    """A personal access token and the chosen workspace: ``request.auth`` of its calls."""

    token: PersonalAccessToken
    chosen: Workspace | None

    @property
    def workspace(self) -> Workspace:
        """The chosen workspace. Raise AttributeError if none was chosen, so that ``getattr`` can have a default."""
        if self.chosen is None:
            raise AttributeError("The caller chose no workspace")
        return self.chosen

    @property
    def workspace_id(self) -> uuid.UUID:
        return self.workspace.pk

    @property
    def credential(self) -> str:
        return PERSONAL_ACCESS_TOKEN if self.chosen else UNSCOPED_ACCESS_TOKEN

    @property
    def pk(self) -> uuid.UUID:
        return self.token.pk

    @property
    def actor(self) -> str:
        """The actor that events record for this token."""
        return f"personal_access_token:{self.token.short}"
