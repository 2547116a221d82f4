"""A user model with a UUID as primary key."""

from base_settings import *

AUTH_USER_MODEL = "with_uuid_user.Person"
