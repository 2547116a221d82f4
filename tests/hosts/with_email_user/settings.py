"""A user model with an address instead of a name, and without the time of the last login."""

from base_settings import *

AUTH_USER_MODEL = "with_email_user.Member"
