"""Tokens of django-rest-knox. The table has digests only: nobody can sign in with them."""

from user_sessions.imports.past_sessions import Outcome, PastSession, Refused
from user_sessions.imports.tables import Row, TableSource

__all__ = ["KnoxTokens"]


class KnoxTokens(TableSource):
    table = "knox_authtoken"
    primary_key = "digest"
    columns = ("digest", "user_id", "created", "expiry")

    def convert(self, row: Row) -> PastSession:
        if row["user_id"] is None or row["digest"] is None:
            raise Refused(Outcome.NO_USER)
        created_at = self.time(row, "created")
        return PastSession(
            kind="knox_token",
            identity=row["digest"],
            user=row["user_id"],
            created_at=created_at,
            last_active_at=created_at,
            expire_at=self.time_or_none(row, "expiry"),
        )
