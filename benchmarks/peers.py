"""The rows, callers and operations of a peer: ``python -m benchmarks.peers SESSIONS POOL`` prints them as JSON."""

import base64
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib import auth  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.load import Operation, Request  # noqa: E402

BATCH = 5000
CALLERS = 50
ROWS = 10  # of each user
BUSY = 100
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0 Safari/537.36"


def users(prefix: str, count: int) -> list[Any]:
    """Insert users whose password is ``pw``."""
    model = auth.get_user_model()
    first = model._default_manager.create_user(f"{prefix} first", password="pw")
    rest = [model(username=f"{prefix} {n}", password=first.password) for n in range(count - 1)]
    return [first, *model._default_manager.bulk_create(rest, batch_size=BATCH)]


def fill(model: type[models.Model], count: int, row: Callable[[Any], models.Model]) -> None:
    """Insert rows that no request is about, ten for each of other users."""
    owners = users("other", max(count // ROWS, 1))
    for start in range(0, count, BATCH):
        numbers = range(start, min(count, start + BATCH))
        model._default_manager.bulk_create([row(owners[n % len(owners)]) for n in numbers])


def knox(sessions: int, pool: int) -> list[Operation]:
    from knox.models import get_token_model

    model: Any = get_token_model()
    end = timezone.now() + timedelta(days=1)
    fill(model, sessions, lambda user: model(digest=_text(128), token_key=_text(15), user=user, expiry=end))
    live, busy = users("live", CALLERS), users("busy", 1)
    mine = [{"Authorization": f"Token {model.objects.create(user)[1]}"} for user in live * ROWS]
    many = [{"Authorization": f"Token {model.objects.create(user)[1]}"} for user in busy * BUSY]
    spare = [{"Authorization": f"Token {model.objects.create(user)[1]}"} for user in users("spare", pool)]
    return [
        Operation(name="knox: authenticated request", requests=[_get("/mine", each) for each in mine]),
        Operation(name="knox: list of ten", requests=[_get("/list", each) for each in mine]),
        Operation(name="knox: list of a hundred", requests=[_get("/list?limit=100", each) for each in many]),
        Operation(name="knox: log in", requests=[Request("POST", "/log-in", _basic(user)) for user in live]),
        Operation(
            name="knox: log out",
            is_once=True,
            status=204,
            requests=[Request("POST", "/log-out", each) for each in spare],
        ),
    ]


def simplejwt(sessions: int, pool: int) -> list[Operation]:
    from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
    from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

    end = timezone.now() + timedelta(days=1)
    fill(
        OutstandingToken,
        sessions,
        lambda user: OutstandingToken(user=user, jti=uuid4().hex, token=_text(600), expires_at=end),
    )
    live = users("live", CALLERS)
    mine = [{"Authorization": f"Bearer {AccessToken.for_user(user)}"} for user in live]
    refresh = [{"refresh": str(RefreshToken.for_user(live[n % CALLERS]))} for n in range(pool)]
    sign_in = [{"username": user.get_username(), "password": "pw"} for user in live]
    return [
        Operation(name="simplejwt: authenticated request", requests=[_get("/mine", each) for each in mine]),
        Operation(name="simplejwt: stateless request", requests=[_get("/stateless", each) for each in mine]),
        Operation(name="simplejwt: obtain a pair", requests=[Request("POST", "/obtain", {}, each) for each in sign_in]),
        Operation(
            name="simplejwt: refresh",
            is_once=True,
            requests=[Request("POST", "/refresh", {}, each) for each in refresh],
        ),
    ]


def allauth(sessions: int, pool: int) -> list[Operation]:
    from allauth.usersessions.models import UserSession
    from django.contrib.sessions.backends.db import SessionStore

    def row(user: Any, key: str = "") -> UserSession:
        return UserSession(user=user, ip="127.0.0.1", user_agent=BROWSER, session_key=key or _text(32))

    fill(UserSession, sessions, row)
    live, busy = users("live", CALLERS), users("busy", 1)
    mine = [_sign_in(SessionStore(), user) for user in live * ROWS]
    many = [_sign_in(SessionStore(), user) for user in busy * BUSY]
    owners = live * ROWS + busy * BUSY
    UserSession.objects.bulk_create([row(user, key) for user, key in zip(owners, mine + many, strict=True)])
    cookies, tokens = ([{name: value + key} for key in mine] for name, value in (("Cookie", "sessionid="), _X_TOKEN))
    path = "/app/v1/auth/session"
    return [
        Operation(name="allauth: authenticated request, tracked", requests=[_get("/mine", each) for each in cookies]),
        Operation(name="allauth: get session", requests=[_get(path, each) for each in tokens]),
        Operation(name="allauth: list of ten", requests=[_get(f"{path}s", each) for each in tokens]),
        Operation(name="allauth: list of a hundred", requests=[_get(f"{path}s", {_X_TOKEN[0]: key}) for key in many]),
    ]


_X_TOKEN = ("X-Session-Token", "")


def django_user_sessions(sessions: int, pool: int) -> list[Operation]:
    from user_sessions.backends.db import SessionStore

    from user_sessions.models import Session

    end = timezone.now() + timedelta(days=1)
    fill(
        Session,
        sessions,
        lambda user: Session(
            user=user,
            session_key=_text(32),
            session_data=_text(128),
            expire_date=end,
            user_agent=BROWSER,
            ip="127.0.0.1",
        ),
    )
    live, busy = users("live", CALLERS), users("busy", 1)
    new = partial(SessionStore, user_agent=BROWSER, ip="127.0.0.1")
    mine, many = (
        [{"User-Agent": BROWSER, "Cookie": f"sessionid={_sign_in(new(), user)}"} for user in owners]
        for owners in (live * ROWS, busy * BUSY)
    )
    name = "django-user-sessions"
    return [
        Operation(name=f"{name}: authenticated request", requests=[_get("/mine", each) for each in mine]),
        Operation(name=f"{name}: list of ten", requests=[_get("/list", each) for each in mine]),
        Operation(name=f"{name}: list of a hundred", requests=[_get("/list?limit=100", each) for each in many]),
    ]


def _sign_in(store: Any, user: Any) -> str:
    """Save a Django session of this user and return its key."""
    store[auth.SESSION_KEY] = str(user.pk)
    store[auth.BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save(must_create=True)
    return str(store.session_key)


def _basic(user: Any) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user.get_username()}:pw".encode()).decode()}


def _get(path: str, headers: dict[str, str]) -> Request:
    return Request("GET", path, headers)


def _text(length: int) -> str:
    return "".join(uuid4().hex for _ in range(length // 32 + 1))[:length]


def bare(sessions: int, pool: int) -> list[Operation]:
    return [Operation(name="bare view", requests=[_get("/bare", {})])]


PEERS = {
    "bare": bare,
    "knox": knox,
    "simplejwt": simplejwt,
    "allauth": allauth,
    "django-user-sessions": django_user_sessions,
}


def main(sessions: int, pool: int) -> None:
    call_command("migrate", verbosity=0)
    print(json.dumps([vars(operation) for operation in PEERS[settings.PROJECT](sessions, pool)]))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
