"""Only the app of user sessions is installed."""

from base_settings import *

GATEPASS_APPS = ["user_sessions"]
