"""Sessions of django-user-sessions, whose table has device and address beside Django's columns."""

from user_sessions.imports.django_sessions import KIND, SessionData
from user_sessions.imports.past_sessions import Outcome, PastSession, Refused, device_seen
from user_sessions.imports.tables import Row, TableSource

__all__ = ["DjangoUserSessions"]


class DjangoUserSessions(TableSource):
    table = "user_sessions_session"
    primary_key = "session_key"
    columns = ("session_key", "session_data", "expire_date", "user_id", "user_agent", "last_activity", "ip")

    def convert(self, row: Row) -> PastSession:
        data, user = SessionData.read(row["session_data"]), row["user_id"]
        if user is None or row["session_key"] is None:
            raise Refused(Outcome.NO_USER)
        if data is not None and data.is_adopted:
            raise Refused(Outcome.ADOPTED)
        device, seen_at = device_seen(row["user_agent"], row["ip"]), self.time(row, "last_activity")
        saved_at = min(data.saved_at, seen_at) if data else seen_at
        return PastSession(
            kind=KIND,
            identity=row["session_key"],
            user=user,
            created_at=saved_at,
            # Its ``migratesessions`` writes rows without a device, with the time at which it ran.
            last_active_at=seen_at if device else saved_at,
            expire_at=self.time(row, "expire_date"),
            device=device,
            auth_hash=data.auth_hash if data else "",
        )
