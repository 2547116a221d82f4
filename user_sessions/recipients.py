"""Who gets the mail about a new device, and in which language: from one function of the host."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.utils.module_loading import import_string

from user_sessions.conf import settings

if TYPE_CHECKING:
    from user_sessions.models import UserSession

__all__ = ["Recipient", "default_recipient"]


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """An e-mail address, and the code of the language of its reader, such as ``de``. None is ``LANGUAGE_CODE``."""

    address: str
    language: str | None = None


def recipient_of(session: "UserSession") -> Recipient | None:
    """Call the function in ``USER_SESSIONS["NEW_DEVICE_RECIPIENT"]``. Raise TypeError if it returns anything else."""
    found: object = import_string(settings.new_device_recipient)(session.user, session)
    if found is None or isinstance(found, Recipient):
        return found
    raise TypeError(f"{settings.new_device_recipient} must return a user_sessions.recipients.Recipient or None.")


def default_recipient(user: Any, session: "UserSession") -> Recipient | None:
    """Return the address in the e-mail field of the user, or None if it is empty."""
    address = getattr(user, get_user_model().get_email_field_name(), "")
    return Recipient(address=address) if address else None
