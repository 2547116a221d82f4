"""What the page "Your devices" says about a time and about the way of a sign-in."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from user_sessions.authentication_methods import HARDWARE_KEY, ONE_TIME_PASSWORD, PASSWORD

__all__ = ["methods_in_words", "time_in_words"]

METHODS = {
    PASSWORD: pgettext_lazy("sign-in", "password"),
    ONE_TIME_PASSWORD: gettext_lazy("one-time code"),
    HARDWARE_KEY: gettext_lazy("security key"),
}


def time_in_words(time: datetime, *, at: datetime) -> str:
    """Return a text such as "today at 2:05 p.m.", in the active language and time zone."""
    then, now = localtime(time), localtime(at)
    words = {"time": date_format(then, "TIME_FORMAT"), "date": date_format(then, "DATE_FORMAT")}
    if then.date() == now.date():
        return _("today at %(time)s") % words
    if then.date() == now.date() - timedelta(days=1):
        return _("yesterday at %(time)s") % words
    return words["date"]


def methods_in_words(methods: Iterable[str]) -> str:
    """Return the values of ``amr`` that users know, in words."""
    return ", ".join(str(METHODS[method]) for method in methods if method in METHODS)
