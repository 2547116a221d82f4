"""The policy of a workspace for user sessions, and the address at which browsers reach the workspace."""

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.duration_words import duration_in_words
from sessions_core.models import Workspace
from sessions_core.models.policies import Policy, is_lifetime, with_policies
from sessions_core.models.workspaces import is_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LimitPolicy", "ReusePolicy", "SigningAlgorithm", "UserSessionPolicy"]


class LimitPolicy(models.TextChoices):
    """What happens to a sign-in over the limit of live sessions."""

    REFUSE = "refuse", pgettext_lazy("sign-in over the limit", "is refused")
    END_OLDEST = "end_oldest", pgettext_lazy("sign-in over the limit", "ends the oldest")


class ReusePolicy(models.TextChoices):
    """What happens when a session token is refreshed a second time."""

    REFUSE = "refuse", pgettext_lazy("second refresh with a session token", "is refused")
    REVOKE = "revoke", pgettext_lazy("second refresh with a session token", "is refused and revokes the session")


class SigningAlgorithm(models.TextChoices):
    """Algorithms of signing keys (RFC 7518, RFC 8037)."""

    RS256 = "RS256", "RS256"
    ES256 = "ES256", "ES256"
    EDDSA = "EdDSA", "EdDSA"


class UserSessionPolicyQuerySet(models.QuerySet["UserSessionPolicy"]):
    def at_host(self, host: str) -> Self:
        """Return the policy of the workspace that browsers reach at this host. If two differ only in the scheme, the
        one with TLS comes first."""
        return self.filter(frontend_api__in=_origins_at(host)).order_by("-frontend_api")

    def workspace_at(self, host: str) -> Workspace | None:
        """Return the workspace that browsers reach at this host, with its policies: one query."""
        policy = self.at_host(host).select_related(*with_policies("workspace")).first()
        return policy.workspace if policy else None


class UserSessionPolicy(Policy):
    """A workspace's rules for user sessions. ``of(workspace)`` returns the defaults if there is no row."""

    options = ("frontend_api",)

    frontend_api = models.CharField(
        _("frontend API"),
        max_length=200,
        unique=True,
        null=True,
        blank=True,
        validators=[is_origin],
        help_text=_("Origin at which browsers reach this workspace. It is also the issuer of session tokens."),
    )
    sign_in_url = models.CharField(
        _("sign-in URL"),
        max_length=200,
        blank=True,
        validators=[URLValidator(schemes=["https", "http"])],
        help_text=_("The page of your application where users sign in. Sign-in links lead there."),
    )
    backend_sessions_enabled = models.BooleanField(
        _("backend sessions enabled"),
        default=False,
        help_text=_("Let backends create user sessions without a sign-in. Always on in a sandbox."),
    )
    lifetime = models.DurationField(
        pgettext_lazy("Gatepass", "lifetime"),
        default=timedelta(days=7),
        null=True,
        blank=True,
        validators=[is_lifetime],
        help_text=_("A user session expires after this time, even if in use. Leave empty to limit idleness only."),
    )
    idle_lifetime = models.DurationField(
        _("idle lifetime"),
        null=True,
        blank=True,
        validators=[is_lifetime],
        help_text=_("A user session that is not used for this long expires."),
    )
    limit = models.PositiveIntegerField(
        pgettext_lazy("Gatepass", "limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Maximum number of live sessions of one user."),
    )
    limit_policy = models.CharField(
        _("limit policy"),
        max_length=10,
        choices=LimitPolicy,
        default=LimitPolicy.REFUSE,
        help_text=_("What a sign-in beyond the limit does."),
    )
    single_session_mode = models.BooleanField(
        _("single session mode"), default=False, help_text=_("Allow one user session at a time on each client.")
    )
    reuse_policy = models.CharField(
        _("reuse policy"),
        max_length=6,
        choices=ReusePolicy,
        default=ReusePolicy.REFUSE,
        help_text=_("What a second refresh with the same session token does: the token may have been copied."),
    )
    signing_algorithm = models.CharField(
        _("signing algorithm"),
        max_length=5,
        choices=SigningAlgorithm,
        default=SigningAlgorithm.RS256,
        help_text=_("Algorithm of new signing keys. Some SDKs accept RS256 only."),
    )

    objects = UserSessionPolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("policy for user sessions")
        verbose_name_plural = _("policies for user sessions")
        constraints = [
            models.CheckConstraint(
                name="user_sessions_policy_has_an_end",
                condition=models.Q(lifetime__isnull=False) | models.Q(idle_lifetime__isnull=False),
                violation_error_message=_("User sessions need a lifetime or an idle lifetime."),
            ),
            models.CheckConstraint(
                name="user_sessions_policy_idle_before_lifetime",
                condition=models.Q(idle_lifetime__lt=models.F("lifetime"))
                | models.Q(idle_lifetime=None)
                | models.Q(lifetime=None),
                violation_error_message=_("The idle lifetime must be shorter than the lifetime."),
            ),
            models.CheckConstraint(
                name="user_sessions_policy_limit_at_least_one",
                condition=models.Q(limit__gte=1) | models.Q(limit=None),
            ),
        ]

    @property
    def issuer(self) -> str:
        """Return the ``iss`` claim of every token of the workspace."""
        return self.frontend_api or self.pk.urn

    @property
    def allows_backend_sessions(self) -> bool:
        """Return True in a sandbox, and in a live workspace if an operator enabled it."""
        return self.workspace.is_sandbox or self.backend_sessions_enabled

    def in_words(self) -> list[str]:
        return list(_policy_in_words(self))

    def is_at(self, host: str) -> bool:
        """Return True if browsers reach the workspace at this host."""
        return self.frontend_api in _origins_at(host)


def _policy_in_words(policy: UserSessionPolicy) -> "Iterator[str]":
    lifetime, idle = (value and duration_in_words(value) for value in (policy.lifetime, policy.idle_lifetime))
    if lifetime and idle:
        words = gettext("A user session ends %(lifetime)s after the sign-in, or after %(idle)s without use.")
    elif lifetime:
        words = gettext("A user session ends %(lifetime)s after the sign-in, even if it is in use.")
    else:
        words = gettext("A user session ends after %(idle)s without use, and never while it is in use.")
    yield words % {"lifetime": lifetime, "idle": idle}
    if policy.limit is None:
        yield gettext("A user can have any number of live sessions.")
    else:
        ends_oldest = policy.limit_policy == LimitPolicy.END_OLDEST
        more = gettext("One more sign-in ends the oldest.") if ends_oldest else gettext("One more sign-in is refused.")
        yield gettext("Live sessions of one user: at most %(limit)d.") % {"limit": policy.limit} + " " + more
    if policy.single_session_mode:
        yield gettext("A browser or an app has one user session at a time.")
    else:
        yield gettext("A browser or an app can have sessions of several users.")
    if policy.reuse_policy == ReusePolicy.REVOKE:
        yield gettext("A session token that is refreshed a second time revokes its session.")
    else:
        yield gettext("A session token that is refreshed a second time is refused, and its session goes on.")
    if policy.backend_sessions_enabled:
        yield gettext("A backend can create user sessions without a sign-in.")
    else:
        yield gettext("A backend can create user sessions without a sign-in in a sandbox only.")
    yield gettext("A change applies to later sign-ins. The idle lifetime and the limit also apply to sessions in use.")


def _origins_at(host: str) -> tuple[str, str]:
    """Return the origins of a host with and without TLS. Some proxies add the default port of the scheme."""
    host = host.lower()
    return f"https://{host.removesuffix(':443')}", f"http://{host.removesuffix(':80')}"
