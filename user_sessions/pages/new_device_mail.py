"""The mail to a user who has signed in on a new device."""

import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext

from sessions_core.rates import seconds_to_wait
from sessions_core.texts import printable
from user_sessions.conf import settings
from user_sessions.models import UserSession
from user_sessions.pages.account_links import devices_path, new_password_path, not_me_path
from user_sessions.pages.device_words import methods_in_words
from user_sessions.recipients import Recipient, recipient_of
from user_sessions.signals import new_device_signed_in

__all__ = ["connect"]

logger = logging.getLogger(__name__)

RATE = "new_device_mail"

# Characters of the user's name, and of each other text.
LONGEST_TEXT = 150

# What mail programs turn into a link: a dot, slash or @ inside of a word. The caller chose the names of the device, and
# perhaps that of the user.
LINK_SIGNS = re.compile(r"(?<=\w)[.:/@]+(?=[^\W\d])|://")


def connect() -> None:
    """Connect the receiver. Called by ``AppConfig.ready``."""
    new_device_signed_in.connect(send_new_device_mail, dispatch_uid="user_sessions.send_new_device_mail")


def send_new_device_mail(sender: type[UserSession], session: UserSession, **_: Any) -> None:
    """Receive ``new_device_signed_in``, after the commit: send the mail, unless there were too many. Log an error."""
    if settings.new_device_notice != "mail":
        return
    try:
        recipient = recipient_of(session)
        if recipient is None:
            return
        if _is_too_often(session):
            logger.warning("No mail about the new device of %s: the user has got as many as allowed.", session.pk)
            return
        message_about(session, recipient).send()
    except Exception as problem:  # the sign-in must not fail because of it
        # Only its type: the text of the error may contain the address.
        logger.error("The mail about the new device of %s was not sent: %s.", session.pk, type(problem).__name__)


def message_about(session: UserSession, recipient: Recipient) -> EmailMultiAlternatives:
    """Return the mail, in the language of its reader and the time zone of the project."""
    zone = timezone.get_default_timezone()
    with translation.override(recipient.language or django_settings.LANGUAGE_CODE), timezone.override(zone):
        context = _context(session, recipient)
        message = EmailMultiAlternatives(
            gettext("New sign-in to your account at %(site)s") % context,
            render_to_string("user_sessions/new_device_mail.txt", context),
            to=[recipient.address],
            headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no automatic reply
        )
        message.attach_alternative(render_to_string("user_sessions/new_device_mail.html", context), "text/html")
    return message


def _is_too_often(session: UserSession) -> bool:
    """Count the mail. Return True if there were too many to this user."""
    rate, at = settings.rate_of(RATE), session.created_at.timestamp()
    return rate is not None and seconds_to_wait(rate, RATE, str(session.user_id), at=at) > 0


def _context(session: UserSession, recipient: Recipient) -> dict[str, Any]:
    """Return what the templates know. Raise ValueError without ``USER_SESSIONS["URL"]``, which a check requires."""
    url = settings.url
    if url is None:
        raise ValueError("USER_SESSIONS['URL'] is not set.")
    password = new_password_path(session.user)
    return {
        "site": urlsplit(url).netloc,
        "site_url": url,
        "facts": list(_facts(session, recipient)),
        "not_me_url": f"{url}{not_me_path(session)}",
        "devices_url": f"{url}{devices_path()}",
        "new_password_url": password and f"{url}{password}",
    }


def _facts(session: UserSession, recipient: Recipient) -> Iterator[tuple[str, str]]:
    """Yield what is known of the sign-in, each with a label."""
    activity, at = session.latest_activity, timezone.localtime(session.created_at)
    account = str(session.user.get_username())
    # A user may have chosen a link as the name, and the address of somebody else.
    yield pgettext("mail", "Account"), _printable(account) if account == recipient.address else _unlinked(account)
    yield pgettext("mail", "Time"), f"{date_format(at, 'DATETIME_FORMAT')} ({at.tzname()})"
    found = [(gettext("Signed in with"), methods_in_words(session.amr))]
    if activity is not None:
        found += [
            (pgettext("mail", "Device"), _unlinked(activity.device_type)),
            (pgettext("mail", "Browser"), _unlinked(f"{activity.browser_name} {activity.browser_version}")),
            (gettext("Operating system"), _unlinked(f"{activity.system} {activity.system_version}")),
            (gettext("Approximate place"), _unlinked(str(activity.place))),
            (gettext("IP address"), activity.ip_address or ""),
        ]
    yield from ((label, value) for label, value in found if value)


def _printable(text: str) -> str:
    return printable(text, longest=LONGEST_TEXT)


def _unlinked(text: str) -> str:
    """Return a text on one line that mail programs do not turn into a link."""
    return LINK_SIGNS.sub(" ", _printable(text))
