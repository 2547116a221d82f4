"""Tell asynchronous views of a host project from others, for decorators that guard both."""

from collections.abc import Callable
from functools import partial
from inspect import unwrap
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.views import View

__all__ = ["is_asynchronous"]


def is_asynchronous(view: Callable[..., Any]) -> bool:
    """Return True if the view returns an awaitable.

    That is an asynchronous function, ``as_view()`` of a class with asynchronous methods, and ``dispatch`` of such a
    class. ``method_decorator`` passes ``dispatch`` as a partial, which other decorators may have wrapped.
    """
    if iscoroutinefunction(view):
        return True
    method = unwrap(view, stop=lambda each: isinstance(each, partial))
    owner = getattr(method.func, "__self__", None) if isinstance(method, partial) else None
    return isinstance(owner, View) and owner.view_is_async
