"""The tenant, and the policy its sessions live under."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.utils import timezone

__all__ = ["AllowedOrigin", "LimitPolicy", "SigningAlgorithm", "Workspace"]


# Further on dates run out, and a column of SQLite's.
LONGEST_LIFETIME = timedelta(days=3650)

# RFC 6454, section 6.1, as browsers send it: no port that the scheme implies.
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_IMPLIED_PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65535


def is_lifetime(value: timedelta) -> None:
    if not timedelta(0) < value <= LONGEST_LIFETIME:
        raise ValidationError("A lifetime is longer than nothing, and ten years at most.", code="no_lifetime")


def is_origin(value: str) -> None:
    """Refuse what no browser calls an origin: it would never match."""
    found = _ORIGIN.fullmatch(value)
    port = int(found[2] or 0) if found else 0
    if not found or port > _LAST_PORT or port == _IMPLIED_PORTS[found[1]]:
        raise ValidationError(
            "An origin is written as browsers do, such as https://app.example.com: in lower case, and with a port only "
            "if it is an unusual one.",
            code="no_origin",
        )


class LimitPolicy(models.TextChoices):
    REFUSE = "refuse", "is refused"
    END_OLDEST = "end_oldest", "ends the oldest"


class SigningAlgorithm(models.TextChoices):
    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


def _origins_at(host: str) -> tuple[str, str]:
    """With and without TLS. Some proxies add the port even where it goes without saying."""
    host = host.lower()
    return f"https://{host.removesuffix(':443')}", f"http://{host.removesuffix(':80')}"


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def at_host(self, host: str) -> Self:
        """The one whose frontend API is there; of two that differ by the scheme alone, the one with TLS comes first."""
        return self.filter(frontend_api__in=_origins_at(host)).order_by("-frontend_api")


class Workspace(models.Model):
    """One tenant: its name, its public address, and the policy its sessions live under."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    frontend_api = models.CharField(
        "frontend API",
        max_length=200,
        unique=True,
        null=True,
        blank=True,
        validators=[is_origin],
        help_text="Origin that browsers reach this workspace at; the issuer of its session tokens.",
    )
    sign_in_url = models.CharField(
        "sign-in URL",
        max_length=200,
        blank=True,
        validators=[URLValidator(schemes=["https", "http"])],
        help_text="The page of your application where users sign in; links that sign somebody in lead there.",
    )
    is_sandbox = models.BooleanField(
        default=False, help_text="A sandbox allows what makes trying things out easy; a live workspace asks first."
    )
    publishable_keys_enabled = models.BooleanField(
        default=False, help_text="Let browsers open client sessions with a publishable key. Always on in a sandbox."
    )
    backend_sessions_enabled = models.BooleanField(
        default=False, help_text="Let backends create user sessions without a sign-in. Always on in a sandbox."
    )
    client_session_lifetime = models.DurationField(
        default=timedelta(days=365), validators=[is_lifetime], help_text="Of a client session that asks for none."
    )
    client_session_max_lifetime = models.DurationField(
        default=timedelta(days=365),
        validators=[is_lifetime],
        help_text="Of any client session of a live workspace, whatever the caller asks for.",
    )
    user_identifier_key_min_length = models.PositiveSmallIntegerField(
        default=0, help_text="Of keys that come with a publishable key: whoever guesses one gets that user's session."
    )
    user_session_lifetime = models.DurationField(
        default=timedelta(days=7),
        null=True,
        blank=True,
        validators=[is_lifetime],
        help_text="After this a user session expires, however much it is used; empty if only idleness ends it.",
    )
    user_session_idle_lifetime = models.DurationField(
        null=True, blank=True, validators=[is_lifetime], help_text="Unused for this long, a user session expires."
    )
    user_session_limit = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="The most live sessions of one user."
    )
    user_session_limit_policy = models.CharField(
        max_length=10,
        choices=LimitPolicy,
        default=LimitPolicy.REFUSE,
        help_text="What a sign-in beyond the limit does.",
    )
    single_session_mode = models.BooleanField(default=False, help_text="A client holds one user session at a time.")
    signing_algorithm = models.CharField(
        max_length=5,
        choices=SigningAlgorithm,
        default=SigningAlgorithm.RS256,
        help_text="Of signing keys made from now on; Clerk's SDKs need RS256.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        indexes = [models.Index(fields=["name", "id"], name="sessions_core_workspace_name")]
        constraints = [
            models.CheckConstraint(
                name="sessions_core_user_sessions_end",
                condition=models.Q(user_session_lifetime__isnull=False)
                | models.Q(user_session_idle_lifetime__isnull=False),
                violation_error_message="User sessions need a lifetime or an idle lifetime.",
            ),
            models.CheckConstraint(
                name="sessions_core_user_sessions_idle_before_they_end",
                condition=models.Q(user_session_idle_lifetime__lt=models.F("user_session_lifetime"))
                | models.Q(user_session_idle_lifetime=None)
                | models.Q(user_session_lifetime=None),
                violation_error_message="The idle lifetime must be shorter than the lifetime.",
            ),
            models.CheckConstraint(
                name="sessions_core_user_session_limit_is_one_at_least",
                condition=models.Q(user_session_limit__gte=1) | models.Q(user_session_limit=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def issuer(self) -> str:
        """``iss`` of every token of this workspace."""
        return self.frontend_api or self.pk.urn

    def is_at(self, host: str) -> bool:
        """Whether this is where its frontend API is."""
        return self.frontend_api in _origins_at(host)

    @property
    def allows_publishable_keys(self) -> bool:
        return self.is_sandbox or self.publishable_keys_enabled

    def client_session_end(self, wanted: datetime | None, *, at: datetime) -> datetime:
        """When a client session that begins or is prolonged now expires: as wanted, in a live workspace no later than
        its maximum allows."""
        end = wanted or at + self.client_session_lifetime
        return end if self.is_sandbox else min(end, at + self.client_session_max_lifetime)

    def user_session_end(self, latest: datetime | None, *, at: datetime) -> datetime:
        """When a user session that is used now expires: left idle, or at its latest, whichever comes first."""
        idle = self.user_session_idle_lifetime
        return min(end for end in (latest, at + idle if idle else None) if end)

    @property
    def allows_backend_sessions(self) -> bool:
        return self.is_sandbox or self.backend_sessions_enabled


class AllowedOrigin(models.Model):
    """An origin whose pages may read the workspace's answers, compared as browsers write it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="allowed_origins")
    origin = models.CharField(
        max_length=200,
        validators=[is_origin],
        help_text="Such as https://app.example.com; no path, and no port unless it is an unusual one.",
    )

    class Meta:
        ordering = ("origin",)
        constraints = [
            models.UniqueConstraint(fields=["origin", "workspace"], name="sessions_core_an_origin_is_listed_once")
        ]

    def __str__(self) -> str:
        return self.origin
