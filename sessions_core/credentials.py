"""The kinds of credential that belong to a workspace as a whole."""

__all__ = ["API_KEY", "PUBLISHABLE_KEY"]


# Kinds of caller, as ``credential`` of whatever ``request.auth`` is; an app may have more.
API_KEY = "api_key"
PUBLISHABLE_KEY = "publishable_key"
