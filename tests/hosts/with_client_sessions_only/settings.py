"""Only the app of client sessions is installed."""

from base_settings import *

GATEPASS_APPS = ["client_sessions"]
