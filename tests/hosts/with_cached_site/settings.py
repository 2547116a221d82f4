"""Sessions in the cache, and Django's cache of the whole site."""

from base_settings import *

SESSION_ENGINE = "django.contrib.sessions.backends.cache"
MIDDLEWARE = [
    "django.middleware.cache.UpdateCacheMiddleware",
    *MIDDLEWARE,
    "django.middleware.cache.FetchFromCacheMiddleware",
]
