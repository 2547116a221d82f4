"""The panel about client sessions."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from client_sessions.models import ClientSession
from client_sessions.models.sessions import ENDS_AT
from sessions_core.console.dashboard import Figure, Panel, between, register
from sessions_core.console.spans import Span

__all__ = ["register_panels"]

SOON = timedelta(hours=24)


def register_panels() -> None:
    register("client_sessions", _client_sessions, models=[ClientSession], place=11)


def _client_sessions(span: Span) -> Panel:
    unended = ClientSession.objects.annotate(ends_at=ENDS_AT).filter(revoked_at=None, key_released_at=None)
    live = unended.filter(ends_at__gt=span.at)
    return Panel(
        title=_("Client sessions"),
        figures=[
            Figure(label=_("live now"), rows=live, model=ClientSession, filters={"status": "live"}),
            Figure(
                label=_("expire within 24 hours"),
                rows=live.filter(ends_at__lt=span.at + SOON),
                model=ClientSession,
                filters={"status": "live", **between("expires_at", None, span.at + SOON)},
                is_warning=True,
            ),
        ],
    )
