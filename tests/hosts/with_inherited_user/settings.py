"""A user model that inherits from another model with a table, so that its primary key is a relation."""

from base_settings import *

AUTH_USER_MODEL = "with_inherited_user.Employee"
