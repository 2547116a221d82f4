"""Tokens of REST framework's ``authtoken``. They never expire, and the table has the tokens themselves."""

from user_sessions.imports.past_sessions import Outcome, PastSession, Refused
from user_sessions.imports.tables import Row, TableSource

__all__ = ["RestFrameworkTokens"]


class RestFrameworkTokens(TableSource):
    table = "authtoken_token"
    primary_key = "key"
    columns = ("key", "user_id", "created")

    def convert(self, row: Row) -> PastSession:
        if row["user_id"] is None or row["key"] is None:
            raise Refused(Outcome.NO_USER)
        created_at = self.time(row, "created")
        return PastSession(
            kind="authtoken",
            identity=row["key"],
            user=row["user_id"],
            created_at=created_at,
            last_active_at=created_at,
        )
