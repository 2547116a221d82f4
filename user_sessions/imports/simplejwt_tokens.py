"""Refresh tokens of simplejwt: one for each sign-in, and with ROTATE_REFRESH_TOKENS one for each refresh.

The table also has the tokens themselves, in a column that is not read.
"""

from collections.abc import Sequence
from datetime import datetime

from user_sessions.imports.past_sessions import End, Outcome, PastSession, Refused
from user_sessions.imports.tables import Row, TableSource
from user_sessions.models import Status

__all__ = ["SimplejwtTokens"]

BLACKLIST = "token_blacklist_blacklistedtoken"


class SimplejwtTokens(TableSource):
    table = "token_blacklist_outstandingtoken"
    primary_key = "id"
    columns = ("id", "user_id", "jti", "created_at", "expires_at")

    def complete(self, rows: Sequence[Row]) -> None:
        blacklisted = self.related(BLACKLIST, "token_id", [row["id"] for row in rows], "blacklisted_at")
        for row in rows:
            row |= blacklisted.get(row["id"] or "", {})

    def convert(self, row: Row) -> PastSession:
        if row["user_id"] is None or row["jti"] is None:
            raise Refused(Outcome.NO_USER)
        created_at = self.time_or_none(row, "created_at")
        if created_at is None:
            raise Refused(Outcome.NO_TIME)
        blacklisted_at = self.time_or_none(row, "blacklisted_at")
        return PastSession(
            kind="simplejwt_token",
            identity=row["jti"],
            user=row["user_id"],
            created_at=created_at,
            last_active_at=created_at,
            expire_at=self.time(row, "expires_at"),
            end=None if blacklisted_at is None else _revoked(blacklisted_at),
        )


def _revoked(at: datetime) -> End:
    return End(status=Status.REVOKED, at=at, reason="blacklisted")
