"""Whom Django finds signed in to a Django session, and whether a user who was read elsewhere is the same."""

from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.contrib import auth
from django.contrib.auth import get_user_model, load_backend
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.db.models import Manager
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

__all__ = ["is_what_django_reads", "signs_in"]


def signs_in(request: Any, key: Any) -> bool:
    """Return True if the Django session of this request signs in the user with this primary key."""
    try:
        named = request.session[auth.SESSION_KEY]
        return bool(get_user_model()._meta.pk.to_python(named) == key)
    except (AttributeError, KeyError, ValidationError):  # no Django session, or nobody is signed in
        return False


def is_what_django_reads(request: HttpRequest, user: Any) -> bool:
    """Return True if ``django.contrib.auth.get_user`` would return the same user, so that it need not read the row.

    True for users whom Django's own backend reads through an ordinary manager, if the session hash is the current one.
    Django itself decides about all others.
    """
    path = request.session.get(auth.BACKEND_SESSION_KEY, "")
    if path not in django_settings.AUTHENTICATION_BACKENDS or not _reads_plainly(path):
        return False
    backend: Any = load_backend(path)
    given = request.session.get(auth.HASH_SESSION_KEY, "")
    return backend.user_can_authenticate(user) and constant_time_compare(given, user.get_session_auth_hash())


@lru_cache(maxsize=8)
def _reads_plainly(backend_path: str) -> bool:
    model = get_user_model()
    own = (type(load_backend(backend_path)).get_user, type(model._default_manager).get_queryset)
    return own == (ModelBackend.get_user, Manager.get_queryset) and hasattr(model, "get_session_auth_hash")
