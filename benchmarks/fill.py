"""Fill the tables with rows of many tenants by ``INSERT … SELECT``, which takes seconds where models take hours.

Row ``n`` of each table follows from its number, so that rows refer to each other and a fill can go on where the last
one stopped. Half of the rows belong to one workspace, the others to ``OTHERS`` more.
"""

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from client_sessions.models.grants import FOREVER

# Workspaces of other tenants.
OTHERS = 2000

# Rows of one statement.
STEP = 500_000

# More rows at once: on PostgreSQL it is faster to build the indexes again.
MANY = 300_000

# Ids of users start here, beyond those that a sequence gave.
FIRST_USER = 1_000_000

# What differs between the databases: rows n of a range, a UUID of a number, a time in seconds after another.
_POSTGRESQL = {
    "numbers": "generate_series({first}::bigint, {last} - 1) AS s(n)",
    "uuid": "(lpad(to_hex(({0} * 2654435761) % 4294967296), 8, '0') || lpad(to_hex({0}), 24, '0'))::uuid",
    "later": "({0} + {1} * interval '1 second')",
    "null time": "NULL::timestamptz",
    "empty": "'[]'::jsonb",
    "object": "'{}'::jsonb",
    "true": "true",
    "false": "false",
    "duration": "interval '1 day'",
}
_SQLITE = {
    "numbers": "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last} - 1)"
    " SELECT n FROM s)",
    "uuid": "printf('%08x%024x', ({0} * 2654435761) % 4294967296, {0})",
    "later": "datetime({0}, '+' || ({1}) || ' seconds')",
    "null time": "NULL",
    "empty": "'[]'",
    "object": "'{}'",
    "true": "1",
    "false": "0",
    "duration": "86400000000",
}


def session_id(number: int) -> str:
    return f"sess_{10**12 + number}"


def client_session_id(number: int) -> UUID:
    return UUID(f"{number * 2654435761 % 2**32:08x}{number:024x}")


def token_short(number: int) -> str:
    """Return the public part of the token of a client session."""
    return f"{10**7 + number}"


def number_of_user(session: int) -> int:
    """Return the id of the user of a session: each has ten."""
    return FIRST_USER + session // 10


def is_own(session: int) -> bool:
    """Return True if a session belongs to the workspace that is measured."""
    return session // 10 % 2 == 0


def fill(
    workspace: UUID,
    sessions: int,
    *,
    first: int = 0,
    ended_every: int = 3,
    since: datetime | None = None,
    only: Collection[str] = (),
) -> float:
    """Add rows ``first`` to ``sessions`` of each kind, or of these tables only. Return the seconds it took.

    Of ``ended_every`` sessions one has ended or, of client sessions, been revoked, an hour after it began. Sessions
    begin one second after another, the first at ``since``, half a year ago.
    """
    started = time.perf_counter()
    since = timezone.now() - timedelta(days=180) if since is None else since
    if first == 0:
        _run(_tenants(workspace), 0, OTHERS)
    rows = _rows(workspace, ended_every, since)
    if only:
        rows = {table: values for table, values in rows.items() if table.partition(" ")[0] in only}
    with _Bulk(sessions - first):
        for start in range(first, sessions, STEP):
            _run(rows, start, min(start + STEP, sessions))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return time.perf_counter() - started


def _words() -> Mapping[str, str]:
    return _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE


def _run(statements: Mapping[str, Mapping[str, str]], first: int, last: int) -> None:
    numbers = _words()["numbers"].format(first=first, last=last)
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table, values in statements.items():
            name, _, condition = table.partition(" WHERE ")
            columns, expressions = ", ".join(map(quote, values)), ", ".join(values.values())
            where = f" WHERE {condition}" if condition else ""
            cursor.execute(f"INSERT INTO {quote(name)} ({columns}) SELECT {expressions} FROM {numbers}{where}")


class _Bulk:
    """On PostgreSQL, leave out the checks of foreign keys, and build the indexes of the largest tables afterwards."""

    def __init__(self, rows: int) -> None:
        self.is_large = connection.vendor == "postgresql" and rows > MANY
        self.definitions: list[str] = []

    def __enter__(self) -> None:
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            if not self.is_large:
                return
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexname NOT IN"
                " (SELECT conname FROM pg_constraint)",
                [list(_LARGE)],
            )
            for name, definition in cursor.fetchall():
                self.definitions.append(definition)
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")

    def __exit__(self, *error: object) -> None:
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute("SET maintenance_work_mem = '1GB'")
            for definition in self.definitions:
                cursor.execute(definition)
            cursor.execute("SET session_replication_role = DEFAULT")


_LARGE = (
    "user_sessions_usersession",
    "user_sessions_client",
    "user_sessions_activity",
    "client_sessions_clientsession",
    "client_sessions_grant",
    "sessions_core_event",
)


def _tenants(workspace: UUID) -> Mapping[str, Mapping[str, str]]:
    """Return the rows of the other workspaces: settings, keys and an epoch each."""
    words = _words()
    now = _time(timezone.now())
    its = _other("n")
    later = {"created_at": now, "workspace_id": its}
    return {
        "sessions_core_workspace": {
            "id": its, "name": "'tenant ' || n", "is_sandbox": words["true"], "created_at": now,
        },
        "user_sessions_usersessionpolicy": {
            "workspace_id": its, "frontend_api": "'https://tenant-' || n || '.example.com'", "sign_in_url": "''",
            "lifetime": words["duration"],
            "backend_sessions_enabled": words["true"], "limit_policy": "'refuse'", "reuse_policy": "'refuse'",
            "single_session_mode": words["false"], "signing_algorithm": "'RS256'",
        },
        "client_sessions_clientsessionpolicy": {
            "workspace_id": its, "publishable_keys_enabled": words["false"], "lifetime": words["duration"],
            "max_lifetime": words["duration"], "user_identifier_key_min_length": "1",
        },
        "sessions_core_apikey": {
            "id": words["uuid"].format("n"), "kind": "'secret'", "name": "'backend'", "short": "'k' || n",
            "digest": "'none'", **later,
        },
        "user_sessions_epoch": {"not_before": now, "actor": "'operator'", "reason": "''", "workspace_id": its},
        "sessions_core_allowedorigin": {"origin": "'https://app-' || n || '.example.com'", "workspace_id": its},
        "user_sessions_jwttemplate": {
            "id": "'jtmp_' || n", "name": "'hasura'", "claims": words["object"], "lifetime": "60",
            "allowed_clock_skew": "5", "is_for_session_tokens": words["false"], "signing_algorithm": "''",
            "updated_at": now, **later,
        },
        "sessions_core_webhookendpoint": {
            "id": words["uuid"].format("n"), "url": "'https://example.com/' || n", "description": "''",
            "sealed_secret": "''", "busy_until": now, "disabled_reason": "''", **later,
        },
        "user_sessions_signingkey": {
            "kid": "'key ' || n", "algorithm": "'RS256'", "public_jwk": words["object"], "sealed_private_key": "''",
            "active_from": now, **later,
        },
    }  # fmt: skip


def _time(at: datetime) -> str:
    if connection.vendor == "postgresql":
        return f"'{at.isoformat()}'::timestamptz"
    return f"'{at.astimezone(UTC).replace(tzinfo=None)}'"


def _other(number: str) -> str:
    """Return the id of another workspace as SQL."""
    form = "lpad(to_hex({0} + 1), 32, '0')::uuid" if connection.vendor == "postgresql" else "printf('%032x', {0} + 1)"
    return form.format(number)


def _rows(workspace: UUID, ended_every: int, since: datetime) -> Mapping[str, Mapping[str, str]]:
    """Return the columns of row ``n`` of each table, as SQL."""
    sql = _Columns(workspace, ended_every, since)
    return {**_users(sql), **_tickets(sql), **_devices(sql), **_client_sessions(sql)}


class _Columns:
    """The SQL of columns that several tables have."""

    def __init__(self, workspace: UUID, ended_every: int, since: datetime) -> None:
        self.words = words = _words()
        own = f"'{workspace}'::uuid" if connection.vendor == "postgresql" else f"'{workspace.hex}'"
        now, tenth = timezone.now(), "(n / 10)"
        self.is_over = f"n % {ended_every} = 0"
        self.uuid = words["uuid"].format
        self.client = "'client_' || (1000000000000 + {0})".format
        self.session = "'sess_' || (1000000000000 + n)"
        self.tenant = f"CASE WHEN {tenth} % 2 = 0 THEN {own} ELSE {_other(f'({tenth} / 2) % {OTHERS}')} END"
        self.began = words["later"].format(_time(since), "n")
        self.ended = words["later"].format(self.began, "3600")
        self.now, self.forever = _time(now), _time(FOREVER)
        self.week, self.month = _time(now + timedelta(days=7)), _time(now + timedelta(days=30))

    def if_over(self, value: str, otherwise: str) -> str:
        return f"CASE WHEN {self.is_over} THEN {value} ELSE {otherwise} END"


def _users(sql: _Columns) -> Mapping[str, Mapping[str, str]]:
    return {
        "auth_user WHERE n % 10 = 0": {
            "id": f"{FIRST_USER} + n / 10", "username": "'filled ' || n", "password": "''", "first_name": "''",
            "last_name": "''", "email": "''", "is_superuser": sql.words["false"], "is_staff": sql.words["false"],
            "is_active": sql.words["true"], "date_joined": sql.began,
        },
        "user_sessions_client WHERE n % 2 = 0": {
            "id": sql.client("n / 2"), "workspace_id": sql.tenant, "name": "''", "rotation": "'filled'",
            "token_key": "'filled'",
            "created_at": sql.began, "updated_at": sql.began,
        },
        "user_sessions_usersession": {
            "id": sql.session, "workspace_id": sql.tenant, "client_id": sql.client("n / 2"),
            "user_id": f"{FIRST_USER} + n / 10", "stored_status": sql.if_over("'ended'", "'active'"),
            "tasks": sql.words["empty"], "amr": sql.words["empty"], "created_at": sql.began, "updated_at": sql.began,
            "last_active_at": sql.now, "verified_at": sql.began, "reverification_id": "''",
            "reverification_factors": "''",
            "expire_at": sql.week, "latest_expire_at": sql.week, "abandon_at": sql.month,
            "password_fingerprint": "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
            "refreshed_for": "''", "closed_at": sql.if_over(sql.ended, sql.words["null time"]),
            "closed_by": "''", "close_reason": "''", "recorded_ends": sql.if_over("1", "0"),
        },
        "user_sessions_activity": {
            "session_id": sql.session, "id": "'sess_activity_' || n", "created_at": sql.began,
            "browser_name": "'Firefox'",
            "browser_version": "'130'", "device_type": "'desktop'", "is_mobile": sql.words["false"],
            "system": "'Linux'", "system_version": "''", "address_hash": "''", "city": "''", "country": "''",
        },
    }  # fmt: skip


def _tickets(sql: _Columns) -> Mapping[str, Mapping[str, str]]:
    return {
        "user_sessions_ticket WHERE n % 2 = 0": {
            "id": "'sit_' || (1000000000000 + n)", "kind": "'sign_in_token'", "workspace_id": sql.tenant,
            "user_id": f"{FIRST_USER} + n / 10", "stored_status": sql.if_over("'accepted'", "'pending'"),
            "password_fingerprint": "''", "created_at": sql.began, "updated_at": sql.began, "expire_at": sql.ended,
        },
        "user_sessions_signin WHERE n % 2 = 0": {
            "client_id": sql.client("n / 2"), "id": "'sia_' || (1000000000000 + n)",
            "user_id": f"{FIRST_USER} + n / 10",
            "identifier": "''", "created_session_id": sql.session, "created_at": sql.began,
            "password_fingerprint": "''",
            "second_factors": sql.words["empty"],
        },
        "user_sessions_spentnonce WHERE n % 10 = 0": {"id": "'nonce ' || n", "expire_at": sql.week},
    }  # fmt: skip


def _client_sessions(sql: _Columns) -> Mapping[str, Mapping[str, str]]:
    return {
        "client_sessions_clientsession": {
            "id": sql.uuid("n"), "workspace_id": sql.tenant, "user_identifier_key": "'filled ' || n",
            "token_short": "'' || (10000000 + n)",
            "token_key": "'filled'", "created_at": sql.began, "expires_at": sql.week,
            "revoked_at": sql.if_over(sql.ended, sql.words["null time"]),
        },
        "client_sessions_grant": {
            "client_session_id": sql.uuid("n"), "resource_type": "'connected_account'", "created_at": sql.began,
            "resource_id": f"replace(({sql.uuid('(n / 10 * 10)')}) || '', '-', '')", "read_until": sql.forever,
            "control_until": sql.forever,
        },
        "sessions_core_event": {
            "workspace_id": sql.tenant, "type": "'user_session.created'", "subject": sql.session,
            "actor": "'filled'", "data": sql.words["object"], "created_at": sql.began,
        },
    }  # fmt: skip


def _devices(sql: _Columns) -> Mapping[str, Mapping[str, str]]:
    return {
        "client_sessions_devices_connectedaccount WHERE n % 2 = 0": {
            "id": sql.uuid("n"), "workspace_id": sql.tenant, "created_at": sql.began, "account_type": "'august'",
            "display_name": "'filled'", "email": "''", "automatically_manages_new_devices": sql.words["true"],
            "custom_metadata": sql.words["object"],
        },
        "client_sessions_devices_device WHERE n % 2 = 0": {
            "id": sql.uuid("n"), "workspace_id": sql.tenant, "connected_account_id": sql.uuid("(n / 10 * 10)"),
            "created_at": sql.began, "device_type": "'august_lock'", "name": "'filled'", "manufacturer": "''",
            "model_name": "''", "is_online": sql.words["true"], "capabilities": sql.words["empty"],
            "custom_metadata": sql.words["object"],
        },
        "client_sessions_devices_customer WHERE n % 10 = 0": {
            "id": sql.uuid("n"), "workspace_id": sql.tenant, "created_at": sql.began, "key": "'filled ' || n",
            "name": "''",
        },
        "client_sessions_devices_connectwebview WHERE n % 10 = 0": {
            "id": sql.uuid("n"), "workspace_id": sql.tenant, "created_at": sql.began,
            "connected_account_id": sql.uuid("n"),
            "accepted_providers": sql.words["empty"], "accepted_capabilities": sql.words["empty"],
            "device_selection_mode": "'none'", "automatically_manages_new_devices": sql.words["true"],
            "waits_for_device_creation": sql.words["true"], "custom_redirect_url": "''",
            "custom_redirect_failure_url": "''", "custom_metadata": sql.words["object"],
        },
        "client_sessions_devices_useridentity WHERE n % 10 = 0": {
            "id": sql.uuid("n"), "workspace_id": sql.tenant, "created_at": sql.began, "email_address": "''",
            "phone_number": "''", "full_name": "'filled'",
        },
        "client_sessions_devices_useridentity_devices WHERE n % 10 = 0": {
            "useridentity_id": sql.uuid("n"), "device_id": sql.uuid("n"),
        },
    }  # fmt: skip
