"""System checks of the notice about new devices."""

from collections.abc import Iterable

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import NoReverseMatch

from user_sessions.conf import settings
from user_sessions.django_sign_ins import has_middleware
from user_sessions.pages.account_links import devices_path

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@register(Tags.urls)
def check_links(**_: object) -> Iterable[CheckMessage]:
    """Refuse mails that could contain no link."""
    if settings.new_device_notice != "mail":
        return
    if settings.given.get("URL") is None:
        yield Error(
            "USER_SESSIONS['NEW_DEVICE_NOTICE'] is 'mail', and USER_SESSIONS['URL'] is not set.",
            hint="Set USER_SESSIONS['URL'] to the origin of your site, such as https://www.example.com.",
            id="user_sessions.E025",
        )
    try:
        devices_path()
    except NoReverseMatch:
        yield Error(
            "USER_SESSIONS['NEW_DEVICE_NOTICE'] is 'mail', and the page of its link has no URL.",
            hint='Add path("devices/", include("user_sessions.pages.device_urls")) to your root URLconf.',
            id="user_sessions.E026",
        )


@register()
def check_mail(**_: object) -> Iterable[CheckMessage]:
    """Warn if a mail server that hangs would stop a sign-in."""
    is_smtp = getattr(django_settings, "EMAIL_BACKEND", "") == SMTP
    if settings.new_device_notice == "mail" and is_smtp and getattr(django_settings, "EMAIL_TIMEOUT", None) is None:
        yield Warning(
            "USER_SESSIONS['NEW_DEVICE_NOTICE'] is 'mail', and EMAIL_TIMEOUT is None: if the mail server hangs, so do "
            "sign-ins on new devices.",
            hint="Set EMAIL_TIMEOUT to a few seconds.",
            id="user_sessions.W004",
        )


@register()
def check_devices(**_: object) -> Iterable[CheckMessage]:
    """Warn if every browser of the host's own sign-ins would look like a new device."""
    if settings.new_device_notice != "off" and has_middleware() and not settings.remember_devices:
        yield Warning(
            "USER_SESSIONS['NEW_DEVICE_NOTICE'] is on, and USER_SESSIONS['REMEMBER_DEVICES'] is off: each browser is a "
            "new device after a log-out.",
            hint="Set USER_SESSIONS['REMEMBER_DEVICES'] to True.",
            id="user_sessions.W005",
        )
