"""What a workspace allows of client sessions."""

from datetime import datetime, timedelta

from django.db import models

from sessions_core.models.policies import Policy, is_lifetime
from sessions_core.moments import instant, moment

__all__ = ["ClientSessionPolicy"]


class ClientSessionPolicy(Policy):
    """What a workspace allows of client sessions. ``of(workspace)`` gives the defaults where there is no row."""

    publishable_keys_enabled = models.BooleanField(
        default=False, help_text="Let browsers open client sessions with a publishable key. Always on in a sandbox."
    )
    lifetime = models.DurationField(
        default=timedelta(days=365),
        validators=[is_lifetime],
        help_text="Of a client session whose caller asks for no end.",
    )
    max_lifetime = models.DurationField(
        default=timedelta(days=365),
        validators=[is_lifetime],
        help_text="Of any client session of a live workspace, whatever the caller asks for.",
    )
    user_identifier_key_min_length = models.PositiveSmallIntegerField(
        default=0,
        help_text="Of keys that come with a publishable key: anyone who guesses a key gets that user's session.",
    )

    class Meta:
        verbose_name = "policy for client sessions"
        verbose_name_plural = "policies for client sessions"

    @property
    def allows_publishable_keys(self) -> bool:
        """True in a sandbox, and where an operator turned them on."""
        return self.workspace.is_sandbox or self.publishable_keys_enabled

    def end(self, wanted: datetime | None, *, at: datetime) -> datetime:
        """Return when a client session that starts or is prolonged at ``at`` expires. In a live workspace the maximum
        lifetime limits ``wanted``. Raises ValueError for a time that no database stores."""
        at = moment(at)
        end = at + self.lifetime if wanted is None else instant(wanted, name="expires_at")
        return end if self.workspace.is_sandbox else min(end, at + self.max_lifetime)
