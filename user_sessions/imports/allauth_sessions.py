"""Sessions that ``allauth.usersessions`` lists. Whether one lives, only its Django session tells."""

from collections.abc import Sequence

from user_sessions.imports.django_sessions import KIND, DjangoSessions, SessionData
from user_sessions.imports.past_sessions import End, Outcome, PastSession, Refused, device_seen
from user_sessions.imports.tables import Row, TableSource
from user_sessions.models import Status

__all__ = ["AllauthSessions"]


class AllauthSessions(TableSource):
    table = "usersessions_usersession"
    primary_key = "id"
    columns = ("session_key", "user_id", "created_at", "last_seen_at", "ip", "user_agent")

    def complete(self, rows: Sequence[Row]) -> None:
        keys = [row["session_key"] for row in rows]
        sessions = self.related(DjangoSessions.table, "session_key", keys, "session_data", "expire_date")
        for row in rows:
            row |= sessions.get(row["session_key"] or "", {})

    def convert(self, row: Row) -> PastSession:
        data, seen_at = SessionData.read(row.get("session_data")), self.time(row, "last_seen_at")
        if row["user_id"] is None or row["session_key"] is None:
            raise Refused(Outcome.NO_USER)
        if data is not None and data.is_adopted:
            raise Refused(Outcome.ADOPTED)
        is_gone = "expire_date" not in row
        return PastSession(
            kind=KIND,
            identity=row["session_key"],
            user=row["user_id"],
            created_at=self.time(row, "created_at"),
            last_active_at=seen_at,
            expire_at=self.time_or_none(row, "expire_date"),
            end=End(status=Status.ENDED, at=seen_at, reason="ended") if is_gone else None,
            device=device_seen(row["user_agent"], row["ip"]),
            auth_hash=data.auth_hash if data else "",
        )
