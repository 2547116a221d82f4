"""The goal of each operation as a share of the bare view, and the operations of peers that do the same job."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    postgresql: float | None = None
    sqlite: float | None = None
    peers: tuple[str, ...] = ()

    def on(self, database: str) -> float | None:
        return self.sqlite if database.startswith("SQLite") else self.postgresql


def _both(share: float, *peers: str) -> Goal:
    return Goal(share, share, peers)


GOALS: dict[str, Goal] = {
    "session token check": Goal(
        0.60,
        0.70,
        (
            "knox: authenticated request",
            "simplejwt: authenticated request",
            "django-user-sessions: authenticated request",
        ),
    ),
    "list of ten devices": _both(0.30),
    "host's view, first use of a token": _both(0.75, "simplejwt: stateless request"),
    "host's view, same token again": _both(0.85, "simplejwt: stateless request"),
    "mint": _both(0.40, "simplejwt: obtain a pair", "simplejwt: refresh"),
    "mint from a template": _both(0.36),
    "app's mint": _both(0.38, "simplejwt: obtain a pair", "simplejwt: refresh"),
    "get session": _both(0.42, "allauth: get session"),
    "get client session": _both(0.30, "allauth: get session"),
    "list of ten": _both(0.32, "knox: list of ten", "allauth: list of ten", "django-user-sessions: list of ten"),
    "list of a hundred": _both(
        0.13, "knox: list of a hundred", "allauth: list of a hundred", "django-user-sessions: list of a hundred"
    ),
    "app's touch, one account": _both(0.32, "allauth: authenticated request, tracked"),
    "app's touch, ten accounts": _both(0.24, "allauth: authenticated request, tracked"),
    "revoke session": _both(0.30, "knox: log out"),
    "revoke client session": _both(0.30, "knox: log out"),
    "create session": _both(0.30, "knox: log in"),
    "create client session": _both(0.30, "knox: log in"),
    "get or create client session": _both(0.30),
    "key set, public": _both(0.75),
}
