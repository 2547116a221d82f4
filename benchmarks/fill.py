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


def foreign_workspace(number: int) -> UUID:
    return UUID(int=number + 1)


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
    words = _words()
    uuid, later = words["uuid"].format, words["later"].format
    own = f"'{workspace}'::uuid" if connection.vendor == "postgresql" else f"'{workspace.hex}'"
    now = timezone.now()
    began = later(_time(since), "n")
    ended = later(began, "3600")
    week = _time(now + timedelta(days=7))
    month = _time(now + timedelta(days=30))
    forever, is_over = _time(FOREVER), f"n % {ended_every} = 0"

    def if_over(value: str, otherwise: str) -> str:
        return f"CASE WHEN {is_over} THEN {value} ELSE {otherwise} END"

    def tenant(of: str) -> str:
        return f"CASE WHEN {of} % 2 = 0 THEN {own} ELSE {_other(f'({of} / 2) % {OTHERS}')} END"

    session, client = "'sess_' || (1000000000000 + n)", "'client_' || (1000000000000 + {0})".format
    tenth = "(n / 10)"
    return {
        "auth_user WHERE n % 10 = 0": {
            "id": f"{FIRST_USER} + n / 10", "username": "'filled ' || n", "password": "''", "first_name": "''",
            "last_name": "''", "email": "''", "is_superuser": words["false"], "is_staff": words["false"],
            "is_active": words["true"], "date_joined": began,
        },
        "user_sessions_client WHERE n % 2 = 0": {
            "id": client("n / 2"), "workspace_id": tenant(tenth), "rotation": "'filled'", "token_key": "'filled'",
            "created_at": began, "updated_at": began,
        },
        "user_sessions_usersession": {
            "id": session, "workspace_id": tenant(tenth), "client_id": client("n / 2"),
            "user_id": f"{FIRST_USER} + n / 10", "stored_status": if_over("'ended'", "'active'"),
            "tasks": words["empty"], "amr": words["empty"], "created_at": began, "updated_at": began,
            "last_active_at": _time(now), "verified_at": began, "reverification_id": "''",
            "reverification_factors": "''",
            "expire_at": week, "latest_expire_at": week, "abandon_at": month,
            "password_fingerprint": "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
            "refreshed_for": "''", "closed_at": if_over(ended, words["null time"]),
            "closed_by": "''", "close_reason": "''", "recorded_ends": if_over("1", "0"),
        },
        "user_sessions_activity": {
            "session_id": session, "id": "'sess_activity_' || n", "created_at": began, "browser_name": "'Firefox'",
            "browser_version": "'130'", "device_type": "'desktop'", "is_mobile": words["false"],
            "system": "'Linux'", "system_version": "''", "address_hash": "''", "city": "''", "country": "''",
        },
        "client_sessions_clientsession": {
            "id": uuid("n"), "workspace_id": tenant(tenth), "user_identifier_key": "'filled ' || n",
            "token_short": "'' || (10000000 + n)",
            "token_key": "'filled'", "created_at": began, "expires_at": week,
            "revoked_at": if_over(ended, words["null time"]),
        },
        "client_sessions_devices_connectedaccount WHERE n % 10 = 0": {
            "id": uuid("n"), "workspace_id": tenant(tenth), "created_at": began, "account_type": "'august'",
            "display_name": "'filled'", "email": "''", "automatically_manages_new_devices": words["true"],
            "custom_metadata": words["object"],
        },
        "client_sessions_devices_device WHERE n % 2 = 0": {
            "id": uuid("n"), "workspace_id": tenant(tenth), "connected_account_id": uuid("(n / 10 * 10)"),
            "created_at": began, "device_type": "'august_lock'", "name": "'filled'", "manufacturer": "''",
            "model_name": "''", "is_online": words["true"], "capabilities": words["empty"],
            "custom_metadata": words["object"],
        },
        "client_sessions_devices_customer WHERE n % 10 = 0": {
            "id": uuid("n"), "workspace_id": tenant(tenth), "created_at": began, "key": "'filled ' || n",
            "name": "''",
        },
        "client_sessions_devices_connectwebview WHERE n % 10 = 0": {
            "id": uuid("n"), "workspace_id": tenant(tenth), "created_at": began, "connected_account_id": uuid("n"),
            "accepted_providers": words["empty"], "accepted_capabilities": words["empty"],
            "device_selection_mode": "'none'", "automatically_manages_new_devices": words["true"],
            "waits_for_device_creation": words["true"], "custom_redirect_url": "''",
            "custom_redirect_failure_url": "''", "custom_metadata": words["object"],
        },
        "client_sessions_devices_useridentity WHERE n % 10 = 0": {
            "id": uuid("n"), "workspace_id": tenant(tenth), "created_at": began, "email_address": "''",
            "phone_number": "''", "full_name": "'filled'",
        },
        "client_sessions_devices_useridentity_devices WHERE n % 10 = 0": {
            "useridentity_id": uuid("n"), "device_id": uuid("n"),
        },
        "user_sessions_ticket WHERE n % 2 = 0": {
            "id": "'sit_' || (1000000000000 + n)", "kind": "'sign_in_token'", "workspace_id": tenant(tenth),
            "user_id": f"{FIRST_USER} + n / 10", "stored_status": if_over("'accepted'", "'pending'"),
            "password_fingerprint": "''", "created_at": began, "updated_at": began, "expire_at": ended,
        },
        "user_sessions_signin WHERE n % 2 = 0": {
            "client_id": client("n / 2"), "id": "'sia_' || (1000000000000 + n)", "user_id": f"{FIRST_USER} + n / 10",
            "identifier": "''", "created_session_id": session, "created_at": began, "password_fingerprint": "''",
            "second_factors": words["empty"],
        },
        "user_sessions_spentnonce WHERE n % 10 = 0": {"id": "'nonce ' || n", "expire_at": week},
        "client_sessions_grant": {
            "client_session_id": uuid("n"), "resource_type": "'connected_account'", "created_at": began,
            "resource_id": f"replace(({uuid('(n / 10 * 10)')}) || '', '-', '')", "read_until": forever,
            "control_until": forever,
        },
        "sessions_core_event": {
            "workspace_id": tenant(tenth), "type": "'user_session.created'", "subject": session,
            "actor": "'filled'", "data": words["object"], "created_at": began,
        },
    }  # fmt: skip
