"""The policy of a workspace for client sessions."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sessions_core.duration_words import duration_in_words
from sessions_core.models.policies import Policy, is_lifetime
from sessions_core.moments import instant, moment

__all__ = ["ClientSessionPolicy"]


class ClientSessionPolicy(Policy):
    """The limits of client sessions in a workspace. ``of(workspace)`` returns the defaults if there is no row."""

    publishable_keys_enabled = models.BooleanField(
        _("publishable keys enabled"),
        default=False,
        help_text=_("Let browsers open client sessions with a publishable key. Always on in a sandbox."),
    )
    lifetime = models.DurationField(
        pgettext_lazy("Gatepass", "lifetime"),
        default=timedelta(days=365),
        validators=[is_lifetime],
        help_text=_("The lifetime of a client session if the caller gives no end."),
    )
    max_lifetime = models.DurationField(
        _("max lifetime"),
        default=timedelta(days=365),
        validators=[is_lifetime],
        help_text=_("The longest lifetime of a client session in a live workspace."),
    )
    user_identifier_key_min_length = models.PositiveSmallIntegerField(
        _("minimum length of a user identifier key"),
        default=0,
        help_text=_("For keys sent with a publishable key: anyone who guesses a key gets that user's session."),
    )

    class Meta:
        verbose_name = _("policy for client sessions")
        verbose_name_plural = _("policies for client sessions")

    def in_words(self) -> list[str]:
        lifetime, longest = duration_in_words(self.lifetime), duration_in_words(self.max_lifetime)
        least = self.user_identifier_key_min_length
        return [
            gettext("A client session lives %(lifetime)s if the caller gives no end.") % {"lifetime": lifetime},
            gettext("In a live workspace none lives longer than %(longest)s.") % {"longest": longest},
            gettext("A browser can open client sessions with a publishable key.")
            if self.publishable_keys_enabled
            else gettext("A browser can open client sessions with a publishable key in a sandbox only."),
            gettext("The user identifier key of such a browser has at least %(least)d characters.") % {"least": least}
            if least
            else gettext("The user identifier key of such a browser has any length."),
        ]

    @property
    def allows_publishable_keys(self) -> bool:
        """True in a sandbox, or if an operator enabled publishable keys."""
        return self.workspace.is_sandbox or self.publishable_keys_enabled

    def end(self, wanted: datetime | None, *, at: datetime) -> datetime:
        """Return the expiry of a client session that is created or extended at ``at``. In a live workspace the maximum
        lifetime limits ``wanted``. Raise ValueError for a time that a database cannot store."""
        at = moment(at)
        end = at + self.lifetime if wanted is None else instant(wanted, name="expires_at")
        return end if self.workspace.is_sandbox else min(end, at + self.max_lifetime)
