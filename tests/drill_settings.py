"""Settings of the drill: the reference server, with a page of a host's own sign-ins beside it."""

from datetime import timedelta

from sessions_project.settings import *  # noqa: F403  (settings extend others by a star)
from sessions_project.settings import MIDDLEWARE, USER_SESSIONS

ROOT_URLCONF = "tests.drill_urls"
MIDDLEWARE = [*MIDDLEWARE, "user_sessions.middleware.UserSessionMiddleware"]
# Longer than the drill, so that a token is refused for a revocation and not for its age.
USER_SESSIONS = {**USER_SESSIONS, "SESSION_TOKEN_LIFETIME": timedelta(hours=1)}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a slow one would hide other delays
