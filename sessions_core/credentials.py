"""The kinds of credential that belong to a whole workspace."""

__all__ = ["API_KEY", "PUBLISHABLE_KEY"]


# Values of ``request.auth.credential``, the kind of caller. An app may have more kinds.
API_KEY = "api_key"
PUBLISHABLE_KEY = "publishable_key"
